import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const EXAMPLES = readdirSync(FOLDER).filter((file) => /^\d\d-[a-z-]+\.ts$/.test(file));
/** Our own sources, and TypeScript without a build: how an example is run by hand, see docs/README.md. */
const NODE_OPTIONS = ["--conditions=millrace-source", "--import", "tsx"];

/** The lines under `// prints:` at the end of an example. */
function promised(file: string): string[] {
  const text = readFileSync(`${FOLDER}${file}`, "utf8");
  const [, lines = ""] = text.split("\n// prints:\n");
  return lines.split("\n").flatMap((line) => (line.startsWith("// ") ? [line.slice(3)] : []));
}

/** Whether a line is what was promised, where `…` may be anything. */
function isAs(line: string, promise: string): boolean {
  const pattern = promise.split("…").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${pattern.join(".*")}$`).test(line);
}

describe("examples", () => {
  it("there are at least twelve, each with what it prints", () => {
    expect(EXAMPLES.length).toBeGreaterThanOrEqual(12);
    for (const file of EXAMPLES) expect(promised(file), file).not.toEqual([]);
  });

  it.each(EXAMPLES)("%s ends by itself and prints what it says", { timeout: 120_000 }, async (file) => {
    const { stdout } = await promisify(execFile)(process.execPath, [...NODE_OPTIONS, `${FOLDER}${file}`], {
      cwd: FOLDER,
    });
    const lines = stdout.split("\n").slice(0, -1);
    const promises = promised(file);
    expect(lines.map((line, i) => (isAs(line, promises[i] ?? "") ? promises[i] : line))).toEqual(promises);
  });
});
