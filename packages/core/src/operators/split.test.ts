import { describe, expect, it } from "vitest";
import { batchOf, StageHarness } from "../../test/stage-harness.js";
import { BRANCH, MAIN } from "../stage.js";
import { split } from "./split.js";

describe("split", () => {
  it("P11: sends each value to one branch, in order", () => {
    const harness = new StageHarness(split((s: string) => !s.includes("A"))).send(["A", "B", "C"]);
    expect([harness.take(MAIN), harness.take(BRANCH)]).toEqual([["B", "C"], ["A"]]);
  });

  it("keeps the columns, and a batch of one kind whole", () => {
    const harness = new StageHarness(split((n: number) => n > 2));
    harness.sendBatch(batchOf([3, 1, 2, 4].map((value) => ({ value, time: value * 10 }))));
    expect(harness.drain()).toEqual([
      ...[3, 4].map((n) => ({ output: MAIN, value: n, time: n * 10 })),
      ...[1, 2].map((n) => ({ output: BRANCH, value: n, time: n * 10 })),
    ]);
    const low = batchOf([{ value: 1 }]);
    const high = batchOf([{ value: 9 }]);
    harness.sendBatch(low).sendBatch(high);
    expect(harness.batches.slice(2)).toEqual([
      { batch: low, output: BRANCH },
      { batch: high, output: MAIN },
    ]);
  });

  it("sends a value that fails to neither", () => {
    const harness = new StageHarness(
      split((n: number) => {
        if (n === 2) throw new Error("no");
        return n > 2;
      }),
      { onError: "skip" },
    );
    harness.send([1, 2, 3, 2]);
    expect([harness.take(MAIN), harness.take(BRANCH), harness.errors.length]).toEqual([[3], [1], 2]);
    harness.send([2]);
    expect(harness.drain()).toEqual([]);
  });
});
