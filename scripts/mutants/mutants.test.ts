import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { MUTANTS } from "./mutants.js";
import { mutantCalled, plant, planted, soundCode } from "./plant.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const SUITES = ["packages/core/src/testing/checkpoint-lease-checks.ts", "packages/scoring/src/testing/port-suite.ts"];

describe("mutants", () => {
  it("are at least ten, each with a name of its own", () => {
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
    expect(MUTANTS.length).toBeGreaterThanOrEqual(10);
  });

  it.each(MUTANTS)("$name has its place in the code, and tests that are there", (mutant) => {
    const sound = soundCode(mutant);
    expect(plant(mutant, sound)).not.toBe(sound);
    for (const file of mutant.tests) expect(existsSync(ROOT + file)).toBe(true);
    // A full name is made of describe blocks and the test's own, which a suite may have in a file of checks.
    const own = mutant.caughtBy.split(" ").map((_, i, words) =>
      words
        .slice(i)
        .join(" ")
        .replace(/ \(.*\)$/, ""),
    );
    const sources = [...mutant.tests, ...SUITES].map((file) => readFileSync(ROOT + file, "utf8")).join("\n");
    expect(own.slice(0, -1).some((name) => sources.includes(name))).toBe(true);
  });

  it("are refused where their place is missing or there twice, and where nobody knows them", () => {
    const mutant = { name: "m", fault: "f", file: "a.ts", search: "x", replace: "y", tests: [], caughtBy: "t" };
    expect(plant(mutant, "a x b")).toBe("a y b");
    expect(() => plant(mutant, "a b")).toThrow(/has its place 0 times/);
    expect(() => plant(mutant, "x x")).toThrow(/has its place 2 times/);
    expect(() => mutantCalled("none")).toThrow(/there is no mutant "none"/);
  });

  it("are planted in their own file only", () => {
    const [mutant] = MUTANTS;
    const { transform } = planted(mutant?.name ?? "");
    if (mutant === undefined || typeof transform !== "function") throw new Error("no transform");
    const load = (file: string, code: string) =>
      Reflect.apply(transform, undefined, [code, `${ROOT}${file}`]) as unknown;
    const sound = soundCode(mutant);
    expect(load(mutant.file, sound)).toBe(plant(mutant, sound));
    expect(load(`${mutant.file}?v=1`, sound)).toBe(plant(mutant, sound));
    expect(load("packages/core/src/stage.ts", sound)).toBeUndefined();
  });
});
