import { describe, expect, it } from "vitest";
import { batchOf, originOf, StageHarness } from "../../test/stage-harness.js";
import { StreamError } from "../errors.js";
import { map } from "./map.js";

describe("map", () => {
  it("P01: makes one value of each, in order, values or objects", () => {
    const upper = (text: string): string => text.toUpperCase();
    expect(new StageHarness(map(upper)).send(["a", "b", "c"]).take()).toEqual(["A", "B", "C"]);
    const refs = [{ v: "a" }, { v: "b" }];
    expect(new StageHarness(map((ref: { v: string }) => ({ v: upper(ref.v) }))).send(refs).take()).toEqual([
      { v: "A" },
      { v: "B" },
    ]);
    expect(new StageHarness(map((ref: { v: string }) => ref)).send(refs).take()[1]).toBe(refs[1]);
  });

  it("shares the columns", () => {
    const harness = new StageHarness(map((n: number) => n + 1));
    const batch = batchOf([{ value: 1, time: 10, key: "k", origin: originOf(0), mark: 11 }], "p");
    harness.sendBatch(batch);
    const out = harness.batches[0]?.batch;
    expect(out?.values).toEqual([2]);
    expect([out?.times, out?.keys, out?.origins, out?.marks, out?.partition]).toEqual([
      batch.times,
      batch.keys,
      batch.origins,
      batch.marks,
      "p",
    ]);
    expect(out?.times).toBe(batch.times);
  });

  it("leaves out a value that fails, with its columns, and goes on", () => {
    const fails = map((n: number) => {
      if (n % 3 === 0) throw new Error(`no ${n}`);
      return -n;
    });
    const harness = new StageHarness(fails, { onError: "skip" });
    harness.sendBatch(batchOf([3, 1, 2, 6, 4, 9].map((value) => ({ value, time: value * 10 }))));
    expect(harness.log).toEqual([1, 2, 4].map((n) => ({ output: 0, value: -n, time: n * 10 })));
    expect(harness.errors.map(({ value, error }) => [value, (error as Error).message])).toEqual([
      [3, "no 3"],
      [6, "no 6"],
      [9, "no 9"],
    ]);
    harness.send([3, 6]);
    expect(harness.batches).toHaveLength(1);
  });

  it("throws out of the batch where the policy is to fail", () => {
    const harness = new StageHarness(
      map(() => {
        throw new Error("no");
      }),
    );
    expect(() => harness.send([1])).toThrow(StreamError);
  });

  it("refuses a promise and names mapAsync, and swallows that promise's own failure", async () => {
    const harness = new StageHarness(
      map((n: number) => (n === 2 ? Promise.reject(new Error("lost")) : n)),
      { onError: "skip" },
    );
    expect(harness.send([1, 2, 3]).take()).toEqual([1, 3]);
    expect(String(harness.errors[0]?.error)).toMatch(
      /E_OPERATOR: the function of map\(\) returned a promise: use mapAsync\(\)/,
    );
    await harness.settle();
  });
});
