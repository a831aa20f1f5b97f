import { describe, expect, it } from "vitest";
import { batchOf, StageHarness } from "../../test/stage-harness.js";
import { tap } from "./tap.js";

describe("tap", () => {
  it("sees every value and passes the same batch on", () => {
    const seen: number[] = [];
    const harness = new StageHarness(tap((n: number) => void seen.push(n)));
    const batch = batchOf([{ value: 1 }, { value: 2 }]);
    harness.sendBatch(batch);
    expect(seen).toEqual([1, 2]);
    expect(harness.batches[0]?.batch).toBe(batch);
  });

  it("leaves out a value that fails", () => {
    const harness = new StageHarness(
      tap((n: number) => {
        if (n === 2) throw new Error("no");
      }),
      { onError: "skip" },
    );
    harness.sendBatch(batchOf([1, 2, 3].map((value) => ({ value, time: value }))));
    expect(harness.log).toEqual([
      { output: 0, value: 1, time: 1 },
      { output: 0, value: 3, time: 3 },
    ]);
    expect(harness.send([2]).batches).toHaveLength(1);
  });
});
