import { describe, expect, it } from "vitest";
import { batchOf, originOf, StageHarness } from "../../test/stage-harness.js";
import type { Key } from "../element.js";
import { keyBy } from "./key-by.js";

describe("keyBy", () => {
  it("gives each value a key in place of the one it had, and keeps the rest", () => {
    const harness = new StageHarness(keyBy((n: number) => n % 2 === 0));
    harness.sendBatch(
      batchOf(
        [1, 2].map((value) => ({ value, time: value, key: "old", origin: originOf(value), mark: value })),
        "p",
      ),
    );
    expect(harness.log).toEqual(
      [1, 2].map((n) => ({
        output: 0,
        value: n,
        time: n,
        key: n % 2 === 0,
        origin: originOf(n),
        mark: n,
        partition: "p",
      })),
    );
  });

  it("refuses what is no key, value by value", () => {
    const keys = [1, undefined, "a", null, { id: 1 }, 2n, Number.NaN] as unknown as Key[];
    const harness = new StageHarness(
      keyBy((i: number) => keys[i] as Key),
      { onError: "skip" },
    );
    harness.send([0, 1, 2, 3, 4, 5, 6], { time: 3 });
    expect(harness.log.map((out) => "key" in out && out.key)).toEqual([1, "a", 2n, Number.NaN]);
    expect(harness.errors.map(({ error }) => String(error))).toEqual(
      ["undefined", "null", '{"id":1}'].map(
        (what) => `StreamError: E_OPERATOR: a key must be a string, number, bigint or boolean; it is ${what}`,
      ),
    );
    harness.send([1, 3]);
    expect(harness.batches).toHaveLength(1);
  });

  it("leaves out a value whose key function fails", () => {
    const harness = new StageHarness(
      keyBy((n: number) => {
        if (n === 2) throw new Error("no");
        return n;
      }),
      { onError: "skip" },
    );
    expect(harness.send([1, 2, 3]).take()).toEqual([1, 3]);
  });
});
