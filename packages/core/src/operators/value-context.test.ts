import { expect, it } from "vitest";
import { batchOf, originOf, StageHarness } from "../../test/stage-harness.js";
import type { StageContext } from "../stage.js";
import { ValueContext } from "./value-context.js";

it("a value context shows what stands beside a value, undefined where there is nothing", () => {
  const context = new ValueContext<string>();
  const shown: unknown[] = [];
  const make = (stage: StageContext) => ({
    onBatch: (batch: Parameters<ValueContext<string>["at"]>[0]) => {
      context.begin(stage);
      context.at(batch, 0);
      shown.push({ ...context });
    },
  });
  const harness = new StageHarness({ kind: "probe", make });
  harness.send([1]).watermark(7);
  harness.sendBatch(batchOf([{ value: 1, key: "k", time: 8, origin: originOf(1) }]));
  expect(shown).toEqual([
    { key: undefined, time: undefined, watermark: undefined, origin: undefined },
    { key: "k", time: 8, watermark: 7, origin: originOf(1) },
  ]);
});
