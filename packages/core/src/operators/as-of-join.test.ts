import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lateIds, outputs, pair, sides, unique } from "../../test/join-outputs.js";
import { InputRun, type PartitionedInput, steps, type Timed } from "../../test/partitioned-input.js";
import { type Out, originOf, StageHarness } from "../../test/stage-harness.js";
import type { OperatorSpec } from "../stage.js";
import { asOfJoin } from "./as-of-join.js";

describe("as-of join", () => {
  /** The newest right value at or before each left one that its partition's watermark had not made out of date, and when that is. */
  function oracle(
    input: PartitionedInput,
    keep: number,
  ): { results: Record<number, number | undefined>; late: number[] } {
    const all = input.partitions.flat();
    const mark = ({ time, before }: Timed): number => (time <= before + 1 ? before : Number.NEGATIVE_INFINITY);
    const results: Record<number, number | undefined> = {};
    for (const left of all.filter(({ side }) => side === 0)) {
      const rights = all.filter(
        (r) =>
          r.side === 1 &&
          r.key === left.key &&
          r.time <= left.time &&
          mark(r) < left.time &&
          r.time >= Math.max(left.time, mark(left)) - keep,
      );
      results[left.id] = rights.length === 0 ? undefined : Math.max(...rights.map(({ time }) => time));
    }
    return { results, late: all.filter((r) => r.side === 1 && r.time + keep <= mark(r)).map(({ id }) => id) };
  }

  it("gives each left value its right one, however both are cut, interleaved, lost and replayed", () => {
    fc.assert(
      fc.property(sides, steps(), fc.integer({ min: 1, max: 30 }), (input, plan, keep) => {
        const operator: OperatorSpec = asOfJoin<Timed, Timed, unknown>("j", { keep }, (left, right) => ({
          left,
          right,
        }));
        const run = new InputRun(operator, input, plan);
        const expected = oracle(input, keep);
        const results: Record<number, number | undefined> = {};
        for (const { value, time, key } of outputs(run.outs)) {
          const { left, right } = value as { left: Timed; right: Timed | undefined };
          expect([time, key]).toEqual([left.time, left.key]);
          if (left.id in results) expect(right?.time).toBe(results[left.id]);
          results[left.id] = right?.time;
        }
        expect(results).toEqual(expected.results);
        expect(lateIds(run.outs)).toEqual(unique(expected.late));
        if (plan.every(({ op }) => op !== "crash"))
          expect(outputs(run.outs)).toHaveLength(Object.keys(expected.results).length);
        expect(run.harness.stage.held?.()).toBe(0);
      }),
      { numRuns: 600 },
    );
  });

  it("of right values of one time takes the one that came last, and lets left ones out in the order of time", () => {
    const h = new StageHarness(asOfJoin<string, string, string>("j", { keep: 100 }, (l, r) => l + r));
    h.send(["b"], { key: "k", time: 8, origin: originOf(1) });
    h.send(["a"], { key: "k", time: 5, origin: originOf(2) });
    h.send(["1", "2"], { key: "k", time: 5, origin: originOf(3, "1") }, 1);
    h.watermark(7);
    h.watermark(8);
    expect((h.drain() as Out[]).map(({ value, time, origin }) => [value, time, origin?.offset])).toEqual([
      ["a2", 5, "s/0/2+s/1/3"],
      ["b2", 8, "s/0/1+s/1/3"],
    ]);
    expect(h.watermarkOut).toBe(8);
  });

  it("keeps a right value for left ones up to `keep` after it, over a restart, and not longer", () => {
    const h = new StageHarness(asOfJoin<string, string, string>("j", { keep: 10 }, (l, r) => `${l}${r}`));
    h.send(["1"], { key: "k", time: 5 }, 1);
    h.restart();
    h.send(["2"], { key: "k", time: 5 }, 1);
    h.watermark(14);
    h.restart();
    h.watermark(14);
    h.send(["a", "b"], { key: "k", time: 15 });
    h.send(["c"], { key: "k", time: 16 });
    h.watermark(15);
    expect(h.stage.held?.()).toBe(3);
    h.watermark(16);
    expect(h.take()).toEqual(["a2", "b2", "cundefined"]);
    expect(h.stage.held?.()).toBe(0);
  });

  it("ends the run above maxKeep and refuses options that can not be right", () => {
    const h = new StageHarness(asOfJoin("j", { keep: 100, maxKeep: 1 }, (l) => l));
    h.send([1], { key: "a", time: 1 }, 1);
    expect(() => h.send([1], { key: "a", time: 1 }, 1)).toThrow(/E_STATE_LIMIT/);
    expect(() => asOfJoin("j", { keep: 0 }, (l) => l)).toThrow(/E_DURATION/);
    expect(() => asOfJoin("j", { keep: 1, maxKeep: 0.5 }, (l) => l)).toThrow(/E_ARGUMENT/);
  });

  it("is told to the planner as what it is", () => {
    expect(asOfJoin("j", { keep: 1 }, pair)).toMatchObject({
      kind: "asOfJoin",
      name: "j",
      holdsState: true,
      eventTime: "needs",
      aggregates: true,
      origins: "derive",
    });
  });
});
