import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { originOf, StageHarness } from "../../test/stage-harness.js";
import { expectInvariant } from "../../test/stage-invariance.js";
import { take } from "./take.js";

const keyed = fc.array(fc.record({ value: fc.integer(), key: fc.constantFrom("a", "b", "c") }), {
  maxLength: 30,
  size: "max",
});

describe("take", () => {
  it("passes the first values and ends its branch with the last of them", () => {
    const harness = new StageHarness(take(3, {}, false));
    harness.send([1, 2], { time: 5, origin: originOf(1) });
    expect(harness.ended).toBe(false);
    harness.send([3, 4]);
    expect([harness.ended, harness.take()]).toEqual([true, [1, 2, 3]]);
    harness.send([5]);
    expect(harness.take()).toEqual([]);
  });

  it("of nothing ends before the first value", () => {
    expect(new StageHarness(take(0, {}, false)).ended).toBe(true);
  });

  it("ends at once when it is restored at its limit", () => {
    const harness = new StageHarness(take(2, { name: "t" }, false));
    harness.send([1, 2]);
    harness.ended = false;
    harness.restart();
    expect(harness.ended).toBe(true);
  });

  it("counts by key on a keyed stream, tells of new keys, and never ends", () => {
    const harness = new StageHarness(take(1, {}, true));
    harness.send([1, 2], { key: "a" }).send([3], { key: "b" }).send([4], { key: "a" });
    expect([harness.take(), harness.ended, harness.newKeys]).toEqual([[1, 3], false, ["a", "b"]]);
    expect([harness.stage.read?.("a"), harness.stage.read?.("x")]).toEqual([1, undefined]);
  });

  it("gives the same however the input is cut and the stage restored", () => {
    expectInvariant(
      () => take(5, { name: "t" }, false),
      fc.array(fc.record({ value: fc.integer() }), { maxLength: 30, size: "max" }),
    );
    expectInvariant(() => take(2, { name: "t" }, true), keyed);
  });

  it("refuses what is not a count", () => {
    for (const count of [-1, 1.5, Number.NaN])
      expect(() => take(count, {}, false)).toThrow(/E_ARGUMENT: take\(\): count must be a whole number from 0/);
  });
});
