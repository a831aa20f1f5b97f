import { expect, it } from "vitest";
import { batchOf, originOf, StageHarness } from "../../test/stage-harness.js";
import { unkeyed } from "./unkeyed.js";

it("unkeyed drops the key and keeps the rest", () => {
  const harness = new StageHarness(unkeyed());
  harness.sendBatch(batchOf([{ value: 1, time: 2, key: "k", origin: originOf(1), mark: 3 }], "p"));
  expect(harness.log).toEqual([{ output: 0, value: 1, time: 2, origin: originOf(1), mark: 3, partition: "p" }]);
});
