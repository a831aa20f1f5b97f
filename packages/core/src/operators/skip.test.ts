import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StageHarness } from "../../test/stage-harness.js";
import { expectInvariant } from "../../test/stage-invariance.js";
import { skip } from "./skip.js";

describe("skip", () => {
  it("passes all but the first values", () => {
    const harness = new StageHarness(skip(3, {}, false));
    harness.send([1, 2]).send([3, 4], { time: 7 }).send([5], { time: 8 });
    expect(harness.log).toEqual([
      { output: 0, value: 4, time: 7 },
      { output: 0, value: 5, time: 8 },
    ]);
  });

  it("counts by key on a keyed stream", () => {
    const harness = new StageHarness(skip(1, {}, true));
    harness.send([1, 2], { key: "a" }).send([3], { key: "b" }).send([4], { key: "b" });
    expect([harness.take(), harness.newKeys]).toEqual([
      [2, 4],
      ["a", "b"],
    ]);
  });

  it("gives the same however the input is cut and the stage restored", () => {
    const values = fc.array(fc.record({ value: fc.integer(), key: fc.constantFrom("a", "b", "c") }), {
      maxLength: 30,
      size: "max",
    });
    expectInvariant(() => skip(4, { name: "s" }, false), values);
    expectInvariant(() => skip(2, { name: "s" }, true), values);
  });

  it("refuses what is not a count", () => {
    expect(() => skip(-1, {}, true)).toThrow(/E_ARGUMENT: skip\(\): count/);
  });
});
