import { expect, it } from "vitest";
import { batchOf, StageHarness } from "../../test/stage-harness.js";
import { newest } from "./newest.js";

it("keeps the newest value of a batch, with what travels beside it", () => {
  const harness = new StageHarness(newest());
  harness.sendBatch(batchOf([1, 2, 3].map((value) => ({ value, time: value * 10, key: `k${value}` }))));
  harness.send(["alone"]);
  expect(harness.log).toEqual([
    { output: 0, value: 3, time: 30, key: "k3" },
    { output: 0, value: "alone" },
  ]);
});
