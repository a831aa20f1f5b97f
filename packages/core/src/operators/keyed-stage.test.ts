import { describe, expect, it } from "vitest";
import { StageHarness } from "../../test/stage-harness.js";
import { requireCount } from "../errors.js";
import type { Batch, OperatorSpec } from "../stage.js";
import { KeyedState } from "../state/keyed-state.js";
import { KeyedStage } from "./keyed-stage.js";

class Last extends KeyedStage<unknown> {
  onBatch(batch: Batch): void {
    const key = this.keyed ? (batch.keys?.[0] ?? "") : "";
    this.write(key, this.state.find(key, Number.NaN), batch.values[0], Number.NaN, batch, 0);
  }
}

const last = (keyed: boolean): OperatorSpec => ({
  kind: "last",
  make: (context) => new Last(context, new KeyedState({ where: "last" }), keyed),
});

describe("KeyedStage", () => {
  it("saves, restores and shows its state, and tells of new keys once", () => {
    const harness = new StageHarness(last(true));
    harness.send([1], { key: "a" }).send([2], { key: "b" }).send([3], { key: "a" });
    harness.checkpoint().send([4], { key: "b" }).crash();
    expect(["a", "b", "c"].map((key) => harness.stage.read?.(key))).toEqual([3, 2, undefined]);
    expect(harness.newKeys).toEqual(["a", "b"]);
  });

  it("puts the changes of an abandoned epoch into the next", () => {
    const harness = new StageHarness(last(true));
    harness.send([1], { key: "a" }).checkpoint(false).send([2], { key: "b" }).restart();
    expect(["a", "b"].map((key) => harness.stage.read?.(key))).toEqual([1, 2]);
  });

  it("has one state under any key where there are no keys", () => {
    const harness = new StageHarness(last(false));
    harness.send([7], { key: "a" });
    expect([harness.stage.read?.("x"), harness.newKeys]).toEqual([7, []]);
  });

  it("refuses what is no count", () => {
    expect(() => requireCount(0, 1, "n")).toThrow("E_ARGUMENT: n must be a whole number from 1; it is 0");
    requireCount(1, 1, "n");
  });
});
