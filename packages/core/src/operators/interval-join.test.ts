import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KINDS, lateIds, outputs, pair, sides, unique } from "../../test/join-outputs.js";
import { InputRun, type PartitionedInput, steps, type Timed } from "../../test/partitioned-input.js";
import { batchOf, originOf, StageHarness } from "../../test/stage-harness.js";
import { MAIN, MAX_BATCH } from "../stage.js";
import { join } from "../windows/join.js";
import type { JoinKind } from "../windows/pair.js";

/** Every pair of values that came in time, and every value of theirs without one. */
function intervalOracle(
  input: PartitionedInput,
  kind: JoinKind,
  from: number,
  to: number,
): { results: string[]; late: number[] } {
  const all = input.partitions.flat();
  const inTime = all.filter(({ time, before }) => time >= before);
  const [lefts, rights] = [0, 1].map((side) => inTime.filter((value) => value.side === side)) as [Timed[], Timed[]];
  const meets = (l: Timed, r: Timed): boolean => l.key === r.key && r.time - l.time >= from && r.time - l.time <= to;
  const results = lefts.flatMap((l) => rights.filter((r) => meets(l, r)).map((r) => pair(l, r)));
  if (kind !== "inner")
    results.push(...lefts.filter((l) => !rights.some((r) => meets(l, r))).map((l) => pair(l, undefined)));
  if (kind === "outer")
    results.push(...rights.filter((r) => !lefts.some((l) => meets(l, r))).map((r) => pair(undefined, r)));
  return { results, late: all.filter((value) => !inTime.includes(value)).map(({ id }) => id) };
}

const bounds = fc
  .tuple(fc.integer({ min: -15, max: 15 }), fc.integer({ min: -15, max: 15 }))
  .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
describe("interval join", () => {
  it("pairs what came in time, and misses the rest, however it is cut, interleaved, lost and replayed", () => {
    fc.assert(
      fc.property(sides, steps(), bounds, fc.constantFrom(...KINDS), (input, plan, between, kind) => {
        const run = new InputRun(join(kind, "j", { between }, pair), input, plan);
        const expected = intervalOracle(input, kind, ...between);
        expect(unique(outputs(run.outs).map(({ value }) => value))).toEqual(unique(expected.results));
        expect(lateIds(run.outs)).toEqual(unique(expected.late));
        if (plan.every(({ op }) => op !== "crash")) expect(outputs(run.outs)).toHaveLength(expected.results.length);
        expect(run.harness.stage.held?.()).toBe(0);
        expect(run.harness.checkpoint().stored).toBe(0);
      }),
      { numRuns: 600 },
    );
  });

  it("stamps a pair with the larger time and a miss with its own, ahead of the watermark passed on or marked", () => {
    fc.assert(
      fc.property(sides, steps({ crashes: false }), bounds, fc.constantFrom(...KINDS), (input, plan, between, kind) => {
        const times = (left: unknown, right: unknown): number =>
          Math.max(
            (left as Timed | undefined)?.time ?? Number.NEGATIVE_INFINITY,
            (right as Timed | undefined)?.time ?? Number.NEGATIVE_INFINITY,
          );
        const run = new InputRun(join(kind, "j", { between }, times), input, plan);
        for (const [i, { output, value, time, mark }] of run.outs.entries()) {
          if (output !== MAIN) continue;
          expect(time).toBe(value);
          if (mark === undefined || Number.isNaN(mark)) expect(time).toBeGreaterThan(run.watermarksOut[i] as number);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("makes ids of both values' ids, or of the one there is", () => {
    const h = new StageHarness(join("outer", "j", { between: [0, 5] }, pair));
    h.send([{ id: 1 }], { key: "a", time: 1, origin: originOf(1) });
    h.send([{ id: 2 }], { key: "a", time: 2, origin: originOf(2, "1") }, 1);
    h.send([{ id: 3 }], { key: "a", time: 9, origin: originOf(3, "1") }, 1);
    h.watermark(100);
    expect(h.drain()).toEqual([
      {
        output: MAIN,
        value: "1 2",
        time: 2,
        key: "a",
        origin: { source: "outerJoin-1", partition: "s:a", offset: "s/0/1+s/1/2", index: "" },
      },
      {
        output: MAIN,
        value: "- 3",
        time: 9,
        key: "a",
        origin: { source: "outerJoin-1", partition: "s:a", offset: "+s/1/3", index: "" },
      },
    ]);
  });

  it("keeps its output watermark behind by the reach of its misses", () => {
    const out = (kind: JoinKind, from: number, to: number): number =>
      new StageHarness(join(kind, "j", { between: [from, to] }, pair)).watermark(100).watermarkOut;
    expect(out("inner", -5, 8)).toBe(100);
    expect(out("left", -5, 8)).toBe(91);
    expect(out("left", -9, -2)).toBe(100);
    expect(out("outer", -20, 8)).toBe(79);
    expect(out("outer", 3, 8)).toBe(91);
  });

  it("knows after a restart what has met a value, and in which order values came", () => {
    const h = new StageHarness(join("outer", "j", { between: [0, 5] }, pair));
    h.send([{ id: 1 }], { key: "a", time: 1 });
    h.restart();
    h.send([{ id: 2 }], { key: "a", time: 2 }, 1);
    h.restart();
    h.send([{ id: 3 }], { key: "a", time: 1 });
    h.restart();
    h.send([{ id: 4 }], { key: "a", time: 3 }, 1);
    h.watermark(100);
    expect(h.take()).toEqual(["1 2", "3 2", "1 4", "3 4"]);
  });

  it("ends the run rather than lose a value above maxKeep", () => {
    const h = new StageHarness(join("inner", "j", { between: [0, 5] }, pair, { maxKeep: 2 }), { onError: "skip" });
    h.send([1, 2], { key: "a", time: 1 });
    h.send([1, 2], { key: "b", time: 1 });
    expect(() => h.send([3], { key: "a", time: 1 })).toThrow(
      /E_STATE_LIMIT.*"j" keeps more than maxKeep \(2\) values of one side for the key "a"/,
    );
  });

  it("sends what its function fails on to the error policy", () => {
    const fail = (): never => {
      throw new Error("no");
    };
    const h = new StageHarness(join("outer", "j", { between: [0, 5] }, fail), { onError: "skip" });
    h.send(["l"], { key: "a", time: 1 });
    h.send(["r"], { key: "a", time: 1 }, 1);
    h.send(["m"], { key: "a", time: 9 });
    h.watermark(100);
    expect(h.errors.map(({ value }) => value)).toEqual([{ left: "l", right: "r" }, "m"]);
  });

  it("tells the function its key, and shows and tells what it keeps", () => {
    const h = new StageHarness(join("inner", "j", { between: [0, 5] }, (_l, _r, context) => context));
    h.send(["l"], { key: 7, time: 1 });
    expect(h.stage.read?.(7)).toEqual({ left: ["l"], right: [] });
    expect(h.stage.read?.(8)).toEqual({ left: [], right: [] });
    expect([h.stage.held?.(), h.stage.waiting?.(), h.newKeys]).toEqual([
      1,
      "1 values wait for the other side; there is no watermark yet",
      [7],
    ]);
    h.send(["r"], { key: 7, time: 1 }, 1);
    expect(h.take()).toEqual([{ key: 7, window: undefined }]);
  });

  it("cuts many pairs into slices", () => {
    const h = new StageHarness(join("inner", "j", { between: [0, 5] }, pair));
    h.sendBatch(batchOf(Array.from({ length: 1_500 }, (_, id) => ({ value: { id }, key: "a", time: 1 }))));
    h.send([{ id: -1 }], { key: "a", time: 1 }, 1);
    expect(h.batches.map(({ batch }) => batch.values.length)).toEqual([MAX_BATCH, 1_500 - MAX_BATCH]);
  });

  it("refuses what can not be right", () => {
    expect(() => join("inner", "j", { between: [5, 4] }, pair)).toThrow(/E_ARGUMENT.*between/);
    expect(() => join("inner", "j", { between: ["-1.5ms", 4] }, pair)).toThrow(/E_ARGUMENT.*whole milliseconds/);
    expect(() => join("inner", "j", { between: [0, 4] }, 5 as never)).toThrow(/E_ARGUMENT.*function/);
    expect(() => join("inner", "j", { between: [0, 4] }, pair, { maxKeep: 0 })).toThrow(/E_ARGUMENT.*maxKeep/);
    expect(() => join("inner", "j", { between: [0, 4] }, pair, { allowedLateness: 1 })).toThrow(
      /E_ARGUMENT.*allowedLateness/,
    );
    expect(() => join("coGroup", "j", { between: [0, 4] }, pair)).toThrow(/E_ARGUMENT.*coGroup "j" needs a window/);
    const refused = new StageHarness(join("inner", "j", { between: [0, 4] }, pair));
    class Money {}
    expect(() => refused.send([new Money()], { key: "a", time: 1 })).toThrow(/E_STATE_CODEC/);
    expect(() => refused.send([1], { key: "a" })).toThrow(/E_NO_EVENT_TIME/);
  });

  it("is told to the planner as what it is", () => {
    expect(join("inner", "j", { between: [0, 1] }, pair)).toMatchObject({
      kind: "join",
      name: "j",
      holdsState: true,
      eventTime: "needs",
      aggregates: true,
      origins: "derive",
      reads: { times: true, keys: true, marks: true },
    });
  });
});
