import { describe, expect, it } from "vitest";
import { QUICK_ENGINES, QUICK_WORKLOADS, WORKLOADS } from "./catalog.js";
import { ENGINES } from "./engine.js";
import { parseOptions } from "./options.js";

const idsOf = (...args: string[]): string[] => parseOptions(args).workloads.map(({ id }) => id);

describe("parseOptions", () => {
  it("measures everything in seven rounds, and only that makes the page", () => {
    const options = parseOptions(["--json", "out.json"]);
    expect(options).toMatchObject({ rounds: 7, whole: true, quick: false, polluted: true, json: "out.json" });
    expect(options.workloads).toEqual(WORKLOADS);
    expect(options.engines).toEqual(ENGINES);
    for (const less of [["--quick"], ["--only", "W1"], ["--engines", "loop"]])
      expect(parseOptions(less).whole).toBe(false);
  });

  it("--quick takes its own workloads, engines and three rounds", () => {
    const options = parseOptions(["--quick"]);
    expect(options.workloads.map(({ id }) => id)).toEqual(QUICK_WORKLOADS);
    expect(options.engines).toEqual(QUICK_ENGINES);
    expect(options.rounds).toBe(3);
  });

  it("--only takes a name for all of its kinds, but W1 not for W10", () => {
    expect(idsOf("--only", "W4")).toEqual(["W4micro", "W4immediate", "W4timer"]);
    expect(idsOf("--only", "W10,W1")).toEqual(["W1", "W10"]);
    expect(idsOf("--only", "W5")).toEqual(["W5", "W5p"]);
  });

  it("says what there is where a name is wrong", () => {
    expect(() => parseOptions(["--only", "W99"])).toThrow("there is no workload W99; there are W1, W2");
    expect(() => parseOptions(["--engines", "rx"])).toThrow("there is no engine rx; there are loop");
    expect(() => parseOptions(["--rounds", "0"])).toThrow("--rounds must be a whole number from 1; it is 0");
    expect(() => parseOptions(["--fast"])).toThrow("--fast");
  });
});
