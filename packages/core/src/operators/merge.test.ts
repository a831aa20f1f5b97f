import { describe, expect, it } from "vitest";
import { batchOf, type Out, originOf, StageHarness } from "../../test/stage-harness.js";
import { originId } from "../element.js";
import { merge } from "./merge.js";

describe("merge", () => {
  it("P14: passes on the values of all inputs, with their columns", () => {
    const harness = new StageHarness(merge());
    const batch = batchOf([{ value: 1, time: 5, key: "k" }], "p");
    harness.sendBatch(batch, 0).send([2], {}, 1).send([3], {}, 0);
    expect(harness.batches[0]?.batch).toBe(batch);
    expect(harness.take()).toEqual([1, 2, 3]);
  });

  it("adds the number of the input to the ids, so that one value on two ways stays two", () => {
    const harness = new StageHarness(merge());
    const origin = { ...originOf(7), index: "2" };
    harness.send(["a"], { origin }, 0).send(["a"], { origin: originOf(7) }, 1);
    expect((harness.log as Out[]).map((out) => out.origin && originId(out.origin))).toEqual(["s/0/7/2.0", "s/0/7/1"]);
  });
});
