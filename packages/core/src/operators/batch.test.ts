import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { batchOf, originOf, StageHarness } from "../../test/stage-harness.js";
import { expectInvariant } from "../../test/stage-invariance.js";
import { MAX_BATCH } from "../stage.js";
import { batch } from "./batch.js";

describe("batch", () => {
  it("P22: cuts by size, or that long after its first value; the rest leaves at the end", () => {
    const harness = new StageHarness(batch({ size: 4, within: 40 }, false));
    for (const [i, value] of ["a", "b", "c", "d", "e", "f", "g"].entries()) harness.set((i + 1) * 5).send([value]);
    expect(harness.take()).toEqual([["a", "b", "c", "d"]]);
    harness.set(64);
    expect(harness.take()).toEqual([]);
    harness.set(65);
    expect(harness.take()).toEqual([["e", "f", "g"]]);
    harness.set(90).send(["h"]).end();
    expect(harness.take()).toEqual([["h"]]);
  });

  it("P23: refuses a size that is none, and a duration that is none", () => {
    for (const size of [0, -1, 1.5])
      expect(() => batch({ size }, false)).toThrow(/E_ARGUMENT: batch\(\): size must be a whole number from 1/);
    expect(() => batch({ size: 1, within: 0 }, false)).toThrow(/E_DURATION: batch\(\): within/);
  });

  it("P37: works by key on a keyed stream; no batch mixes keys", () => {
    const harness = new StageHarness(batch({ size: 4, within: 10 }, true));
    const keyOf = (i: number): number => (i % 3 === 0 ? 3 : i % 7 === 0 ? 7 : i % 10 === 0 ? 10 : i);
    for (let i = 0; i < 30; i++) harness.send([i], { key: keyOf(i) });
    harness.set(10);
    const outs = harness.drain() as { value: number[]; key: number }[];
    const sizes = (key: number): number[] => outs.filter((out) => out.key === key).map(({ value }) => value.length);
    expect([outs.length, new Set(outs.map(({ key }) => key)).size, sizes(3), sizes(7), sizes(10)]).toEqual([
      20,
      18,
      [4, 4, 2],
      [3],
      [2],
    ]);
    expect(outs.every(({ value, key }) => value.every((i) => keyOf(i) === key))).toBe(true);
    expect(outs.reduce((sum, { key, value }) => sum + key * value.length, 0)).toBe(292);
  });

  it("emits nothing where nothing is held, and never an empty batch", () => {
    const harness = new StageHarness(batch({ size: 2, within: 10 }, false));
    harness.send([1, 2]).set(50).end();
    expect(harness.take()).toEqual([[1, 2]]);
  });

  it("emits several full batches of one input batch together, in slices of at most MAX_BATCH", () => {
    const harness = new StageHarness(batch({ size: 2 }, false));
    harness.send([1, 2, 3, 4, 5]);
    expect(harness.batches.map(({ batch: out }) => out.values)).toEqual([
      [
        [1, 2],
        [3, 4],
      ],
    ]);
    const keyed = new StageHarness(batch({ size: 2 }, true));
    keyed.sendBatch(batchOf(Array.from({ length: MAX_BATCH + 5 }, (_, key) => ({ value: key, key })))).end();
    expect(keyed.batches.map(({ batch: out }) => out.values.length)).toEqual([MAX_BATCH, 5]);
  });

  it("has the largest time of its values, with that value's mark", () => {
    const harness = new StageHarness(batch({ size: 3 }, false));
    harness.sendBatch(batchOf([5, 9, 7].map((time) => ({ value: time, time, mark: time === 9 ? 20 : Number.NaN }))));
    expect(harness.log).toEqual([{ output: 0, value: [5, 9, 7], time: 9, mark: 20 }]);
  });

  it("has an id, from its last value, only where a replay cuts the same: by key and by size alone", () => {
    const sent = batchOf(
      [1, 2].map((value) => ({ value, key: "k", origin: originOf(value) })),
      "p",
    );
    const ids = (policy: { size: number; within?: number }, keyed: boolean) => {
      const harness = new StageHarness(batch(policy, keyed));
      harness.sendBatch(sent);
      return [harness.spec.origins, harness.log.map((out) => "origin" in out && out.origin)];
    };
    expect(ids({ size: 2 }, true)).toEqual(["derive", [{ ...originOf(2), index: "0" }]]);
    expect(ids({ size: 2, within: 5 }, true)).toEqual(["none", [false]]);
    expect(ids({ size: 2 }, false)).toEqual(["none", [false]]);
  });

  it("counts `within` from the first value of each part, and goes on after a restart in the order the parts began", () => {
    const harness = new StageHarness(batch({ size: 9, within: 10, name: "b" }, true));
    harness.send([1], { key: "z" }).set(3).send([2], { key: "a" }).set(6).send([3], { key: "z" });
    harness.restart().set(9);
    expect(harness.take()).toEqual([]);
    harness.set(10);
    expect(harness.take()).toEqual([[1, 3]]);
    harness.restart().set(13);
    expect(harness.take()).toEqual([[2]]);
  });

  it("lets out what became overdue while it was down", () => {
    const harness = new StageHarness(batch({ size: 9, within: 10, name: "b" }, false));
    harness.send([1]).checkpoint();
    harness.clock.set(50);
    harness.crash();
    expect(harness.take()).toEqual([[1]]);
  });

  it("gives the same however the input is cut and the stage restored", () => {
    const value = fc.record({
      value: fc.integer(),
      key: fc.constantFrom("a", "b", "c"),
      time: fc.integer({ min: 0, max: 9 }),
    });
    const wait = fc
      .integer({ min: 1, max: 30 })
      .map((by) => ({ signal: (harness: StageHarness) => void harness.set(harness.clock.now() + by) }));
    const steps = fc.array(fc.oneof({ weight: 4, arbitrary: value }, { weight: 1, arbitrary: wait }), {
      maxLength: 40,
      size: "max",
    });
    expectInvariant(() => batch({ size: 3, within: 20, name: "b" }, true), steps);
    expectInvariant(() => batch({ size: 4, within: 20, name: "b" }, false), steps);
    expectInvariant(() => batch({ size: 3, name: "b" }, true), steps);
  });

  it("holds the watermark back for parts that leave within a time, and only for those", () => {
    const harness = new StageHarness(batch({ size: 3, within: 10 }, true));
    harness.send([1], { key: "a", time: 50 }).send([2], { key: "b", time: 40 }).watermark(45);
    expect(harness.watermarkOut).toBe(39);
    harness.send([3], { key: "b", time: 60 }).watermark(70);
    expect(harness.watermarkOut).toBe(49);
    harness.send([4, 5], { key: "a", time: 71 });
    expect(harness.watermarkOut).toBe(59);
    harness.set(10);
    expect(harness.watermarkOut).toBe(70);
    const bySize = new StageHarness(batch({ size: 3 }, true));
    bySize.send([1], { key: "a", time: 50 }).watermark(70);
    expect(bySize.watermarkOut).toBe(70);
  });

  it("still holds the watermark back after a restart", () => {
    const harness = new StageHarness(batch({ size: 3, within: 10, name: "b" }, false));
    harness.send([1], { time: 50 }).restart().watermark(70);
    expect(harness.watermarkOut).toBe(49);
  });

  it("says what it holds", () => {
    const harness = new StageHarness(batch({ size: 3, within: 10 }, true));
    expect([harness.stage.held?.(), harness.stage.busy?.(), harness.stage.waiting?.()]).toEqual([0, false, undefined]);
    harness.send([1, 2], { key: "a" }).send([3], { key: "b" });
    expect([harness.stage.held?.(), harness.stage.busy?.(), harness.stage.read?.("a")]).toEqual([3, true, [1, 2]]);
    expect(harness.stage.waiting?.()).toBe("3 values in 2 part batches wait for 3 or for 10 ms to pass");
    expect(new StageHarness(batch({ size: 3 }, false)).send([1]).stage.waiting?.()).toBe(
      "1 values in 1 part batches wait for 3",
    );
  });

  it("stops where nobody below wants more", () => {
    const harness = new StageHarness(batch({ size: 5 }, true));
    harness.sendBatch(batchOf(Array.from({ length: MAX_BATCH * 2 }, (_, key) => ({ value: key, key }))));
    harness.closedBelow = true;
    harness.end();
    expect(harness.batches).toHaveLength(1);
  });

  it("refuses values that can not be saved when the first of them is held", () => {
    class Row {}
    expect(() => new StageHarness(batch({ size: 2, name: "rows" }, false)).send([new Row()])).toThrow(
      /E_STATE_CODEC: state of "rows" holds an instance of Row at values\[0\]/,
    );
    expect(new StageHarness(batch({ size: 2 }, false)).send([new Row(), new Row()]).batches).toHaveLength(1);
  });
});
