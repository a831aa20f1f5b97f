import { describe, expect, it } from "vitest";
import { batchOf, originOf, StageHarness } from "../../test/stage-harness.js";
import { MAX_BATCH } from "../stage.js";
import { flatMap, flatten } from "./flat-map.js";

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

describe("flatMap", () => {
  it("P05: emits what each value gives, in order", () => {
    expect(new StageHarness(flatMap((s: string) => [s, s.toUpperCase()])).send(["a", "b", "c"]).take()).toEqual([
      "a",
      "A",
      "b",
      "B",
      "c",
      "C",
    ]);
  });

  it("takes any iterable; nothing, null and undefined emit nothing", () => {
    const harness = new StageHarness(flatMap((value: Iterable<unknown> | null | undefined) => value));
    harness.send([
      new Set([1, 2]),
      [],
      null,
      undefined,
      "ab",
      (function* () {
        yield 3;
      })(),
    ]);
    expect(harness.take()).toEqual([1, 2, "a", "b", 3]);
    harness.send([[], null]);
    expect(harness.batches).toHaveLength(1);
  });

  it("copies key, time and mark, and appends the emit index to the id", () => {
    const harness = new StageHarness(flatMap((n: number) => range(n)));
    harness.sendBatch(
      batchOf(
        [2, 0, 1].map((value, i) => ({ value, time: i * 10, key: i, origin: originOf(i), mark: i })),
        "p",
      ),
    );
    const out = (i: number, value: number, index: string) => ({
      output: 0,
      value,
      time: i * 10,
      key: i,
      origin: { ...originOf(i), index },
      mark: i,
      partition: "p",
    });
    expect(harness.log).toEqual([out(0, 0, "0"), out(0, 1, "1"), out(2, 0, "0")]);
  });

  it("shares the columns where each value gives one", () => {
    const harness = new StageHarness(flatMap((n: number) => [n]));
    const batch = batchOf([1, 2].map((value) => ({ value, time: value, key: "k", origin: originOf(value) })));
    harness.sendBatch(batch);
    expect(harness.batches[0]?.batch.times).toBe(batch.times);
    expect(harness.log.map((entry) => "origin" in entry && entry.origin?.index)).toEqual(["0", "0"]);
  });

  it("emits in slices of at most MAX_BATCH and keeps the outputs of a value together where they fit", () => {
    const harness = new StageHarness(flatMap((n: number) => range(n)));
    harness.send([1_000, 30, 3_000], { time: 1 });
    expect(harness.batches.map(({ batch }) => batch.values.length)).toEqual([
      1_000,
      30,
      MAX_BATCH,
      MAX_BATCH,
      3_000 - 2 * MAX_BATCH,
    ]);
    expect(harness.take()).toEqual([...range(1_000), ...range(30), ...range(3_000)]);
  });

  it("stops as soon as nobody below wants more, also inside of an endless iterable", () => {
    let calls = 0;
    const endless = flatMap(function* () {
      calls++;
      for (let i = 0; ; i++) yield i;
    });
    const harness = new StageHarness(endless);
    harness.closedBelow = true;
    harness.send([1, 2]);
    expect([calls, harness.batches.length]).toEqual([1, 1]);
  });

  it("emits nothing of a value that fails half way", () => {
    const half = flatMap(function* (n: number) {
      yield n;
      if (n === 2) throw new Error("no");
      yield -n;
    });
    const harness = new StageHarness(half, { onError: "skip" });
    harness.send([1, 2, 3]);
    expect(harness.take()).toEqual([1, -1, 3, -3]);
    expect(harness.errors.map(({ value }) => value)).toEqual([2]);
    expect(new StageHarness(half, { onError: "skip" }).send([2, 2]).batches).toEqual([]);
  });

  it("takes back a failed value behind a full slice too", () => {
    const half = flatMap(function* (n: number) {
      yield* range(n);
      if (n === 100) throw new Error("no");
    });
    const harness = new StageHarness(half, { onError: "skip" });
    expect(harness.send([1_000, 100, 5]).take()).toEqual([...range(1_000), ...range(5)]);
  });

  it("does not take an error from below for one of its own function", () => {
    const harness = new StageHarness(
      flatMap((n: number) => range(n)),
      { onError: "skip" },
    );
    const below = new Error("below");
    const emit = (): boolean => {
      throw below;
    };
    expect(() => harness.stage.onBatch(batchOf([{ value: 5_000 }]), emit, 0)).toThrow(below);
    expect(harness.errors).toEqual([]);
  });

  it("refuses what is not iterable", () => {
    const harness = new StageHarness(
      flatMap((n: number) => n as unknown as number[]),
      { onError: "skip" },
    );
    harness.send([7]);
    expect(String(harness.errors[0]?.error)).toMatch(/E_OPERATOR: an array or another iterable is needed; this is 7/);
  });
});

describe("flatten", () => {
  it("P09: emits the values of each array, objects as they are", () => {
    expect(
      new StageHarness(flatten())
        .send([
          [1, 2, 3],
          [4, 5],
        ])
        .take(),
    ).toEqual([1, 2, 3, 4, 5]);
    const ref = {};
    expect(new StageHarness(flatten()).send([[ref]]).take()[0]).toBe(ref);
  });
});
