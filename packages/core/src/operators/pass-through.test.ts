import { expect, it } from "vitest";
import { batchOf, StageHarness } from "../../test/stage-harness.js";
import { passThrough } from "./pass-through.js";

it("P10: passThrough passes the same batch on", () => {
  const batch = batchOf([{ value: 1, time: 2, key: "k" }], "p");
  expect(new StageHarness(passThrough()).sendBatch(batch).batches[0]?.batch).toBe(batch);
});
