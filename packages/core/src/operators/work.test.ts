import { describe, expect, it } from "vitest";
import { batchOf, originOf } from "../../test/stage-harness.js";
import { type Batch, MAX_BATCH } from "../stage.js";
import { joinBatches, Work } from "./work.js";

const timed = (values: readonly unknown[], partition?: string): Batch =>
  batchOf(
    values.map((value, time) => ({ value, time })),
    partition,
  );

describe("Work", () => {
  it("gives the results up to the first that is missing, with the columns of their values", () => {
    const work = new Work<string>(timed([10, 11, 12, 13], "p"));
    work.done(1, "b");
    expect([work.headReady, work.takePrefix(), work.over]).toEqual([false, undefined, false]);
    work.done(0, "a");
    expect(work.headReady).toBe(true);
    const prefix = work.takePrefix();
    expect([prefix?.values, prefix?.times, prefix?.partition, work.taken]).toEqual([["a", "b"], [0, 1], "p", 2]);
    work.done(3, "d");
    work.done(2, "c");
    expect([work.takePrefix()?.values, work.over, work.headReady]).toEqual([["c", "d"], true, false]);
  });

  it("shares the columns where all results are there at once", () => {
    const batch = timed([1, 2]);
    const work = new Work<number>(batch);
    work.done(0, 5);
    work.done(1, 6);
    const all = work.takePrefix();
    expect([all?.values, all?.times === batch.times]).toEqual([[5, 6], true]);
  });

  it("passes over values without a result", () => {
    const work = new Work<string>(timed([1, 2, 3]));
    work.drop(0);
    expect([work.headReady, work.takePrefix(), work.taken]).toEqual([true, undefined, 1]);
    work.done(1, "b");
    work.drop(2);
    const rest = work.takePrefix();
    expect([rest?.values, rest?.times, work.has(1), work.has(2)]).toEqual([["b"], [1], true, false]);
    expect([work.settled(2), new Work(timed([1])).settled(0)]).toEqual([true, false]);
  });

  it("gives the results of places in any order", () => {
    const work = new Work<string>(timed([1, 2, 3]));
    work.done(0, "a");
    work.done(2, "c");
    const taken = work.take([2, 0]);
    expect([taken.values, taken.times]).toEqual([
      ["c", "a"],
      [2, 0],
    ]);
  });
});

describe("joinBatches", () => {
  it("joins neighbours of one partition with the same columns", () => {
    const full = batchOf(
      [1, 2].map((value) => ({ value, time: value, key: "k", origin: originOf(value), mark: 3 })),
      "p",
    );
    const more = batchOf([{ value: 3, time: 3, key: "l", origin: originOf(3), mark: 4 }], "p");
    const [one, ...rest] = joinBatches([full, more]);
    expect([one?.values, one?.times, one?.keys, one?.origins, one?.marks, one?.partition, rest]).toEqual([
      [1, 2, 3],
      [1, 2, 3],
      ["k", "k", "l"],
      [1, 2, 3].map((n) => originOf(n)),
      [3, 3, 4],
      "p",
      [],
    ]);
    expect(joinBatches([full])[0]).toBe(full);
    expect(joinBatches([])).toEqual([]);
  });

  it("keeps apart what is not alike, and what would be too much", () => {
    const kinds = [
      timed([1], "p"),
      timed([1], "q"),
      batchOf([{ value: 1 }], "q"),
      batchOf([{ value: 1, key: 1 }], "q"),
      batchOf([{ value: 1, origin: originOf(1) }], "q"),
      batchOf([{ value: 1, mark: 1 }], "q"),
    ];
    expect(joinBatches(kinds)).toEqual(kinds);
    const half = timed(Array.from({ length: MAX_BATCH / 2 + 1 }, (_, i) => i));
    expect(joinBatches([half, half, half]).map(({ values }) => values.length)).toEqual(
      [half, half, half].map(({ values }) => values.length),
    );
    const small = timed(Array.from({ length: MAX_BATCH / 2 }, (_, i) => i));
    expect(joinBatches([small, small, small]).map(({ values }) => values.length)).toEqual([MAX_BATCH, MAX_BATCH / 2]);
  });
});
