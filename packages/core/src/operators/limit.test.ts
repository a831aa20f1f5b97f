import { expect, it } from "vitest";
import { batchOf, StageHarness } from "../../test/stage-harness.js";
import type { Batch, Emit } from "../stage.js";
import { LimitStage } from "./limit.js";

class Probe extends LimitStage {
  readonly seen: unknown[] = [];
  onBatch(batch: Batch, _emit: Emit): void {
    this.seen.push(this.keyed ? this.countByKey(batch, "counted") : [this.count(batch), this.counted]);
  }
}

it("a limit counts up to itself and no further, over all values or by key", () => {
  const probes: Probe[] = [];
  const spec = (keyed: boolean) => ({
    kind: "probe",
    make: (context: ConstructorParameters<typeof LimitStage>[0]) => {
      const probe = new Probe(context, 3, "p", keyed);
      probes.push(probe);
      return probe;
    },
  });
  new StageHarness(spec(false)).send([1, 2]).send([3, 4]).send([5]);
  expect(probes[0]?.seen).toEqual([
    [2, 2],
    [1, 3],
    [0, 3],
  ]);
  const keys = ["a", "b", "a", "a", "a", "b"].map((key) => ({ value: 0, key }));
  new StageHarness(spec(true)).sendBatch(batchOf(keys)).sendBatch(batchOf(keys));
  expect(probes[1]?.seen).toEqual([[0, 1, 2, 3, 5], [1]]);
});
