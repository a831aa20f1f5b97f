import { expect, it } from "vitest";
import { batchOf, originOf, StageHarness } from "../../test/stage-harness.js";
import { elements } from "./elements.js";

it("elements shows what travels beside a value, undefined where there is none", () => {
  const harness = new StageHarness(elements());
  harness.sendBatch(batchOf([{ value: "a", time: 5, key: 7n, origin: originOf(3) }]));
  harness.send(["b"]);
  expect(harness.take()).toEqual([
    { value: "a", key: 7n, time: 5, origin: originOf(3) },
    { value: "b", key: undefined, time: undefined, origin: undefined },
  ]);
});
