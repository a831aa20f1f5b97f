import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { printed, promised } from "../printed.js";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const EXAMPLES = readdirSync(FOLDER).filter((file) => /^\d\d-[a-z-]+\.ts$/.test(file));

describe("examples on servers", () => {
  it("there are six", () => {
    expect(EXAMPLES).toHaveLength(6);
  });

  it.each(EXAMPLES)("%s ends by itself and prints what it says", { timeout: 120_000 }, async (file) => {
    expect(await printed(`${FOLDER}${file}`)).toEqual(promised(`${FOLDER}${file}`));
  });
});
