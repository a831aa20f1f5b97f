import { describe, expect, it } from "vitest";
import { batchOf, originOf } from "../../test/stage-harness.js";
import { type Batch, MAX_BATCH } from "../stage.js";
import { child, Outputs } from "./outputs.js";

describe("Outputs", () => {
  it("says that what failed was below, not its own operator", () => {
    const outputs = new Outputs<number>(batchOf([{ value: 1 }]), () => {
      throw new Error("below");
    });
    outputs.push(1, 0, 0);
    expect(outputs.broken).toBe(false);
    expect(() => outputs.flush()).toThrow("below");
    expect(outputs.broken).toBe(true);
  });

  it("emits nothing where there is nothing, and no more once nobody wants it", () => {
    const batches: Batch[] = [];
    const outputs = new Outputs<number>(batchOf([{ value: 1 }]), (batch) => batches.push(batch) < 1);
    expect([outputs.flush(), batches.length]).toEqual([true, 0]);
    outputs.push(1, 0, 0);
    expect([outputs.flush(), outputs.wanted]).toEqual([false, false]);
    outputs.push(2, 0, 1);
    expect([outputs.flush(), batches.length]).toEqual([false, 1]);
  });

  it("shares columns only where output i comes from value i and there is one for each", () => {
    const batch = batchOf([1, 2].map((value) => ({ value, time: value * 10 })));
    const emitted: Batch[] = [];
    const run = (places: readonly number[]): Batch | undefined => {
      const outputs = new Outputs<number>(batch, (out) => emitted.push(out) > 0);
      for (const place of places) outputs.push(place, place, 0);
      outputs.flush();
      return emitted.at(-1);
    };
    expect(run([0, 1])?.times).toBe(batch.times);
    expect(run([0])?.times).toEqual([10]);
    expect(run([1, 0])?.times).toEqual([20, 10]);
    expect(run([1, 1])?.times).toEqual([20, 20]);
  });

  it("takes the outputs of the current value back, and lets whole values leave first", () => {
    const sizes: number[] = [];
    const outputs = new Outputs<number>(
      batchOf([
        { value: 1, key: "k" },
        { value: 2, key: "k" },
      ]),
      (out) => sizes.push(out.values.length) > 0,
    );
    outputs.next();
    for (let i = 0; i < MAX_BATCH - 1; i++) outputs.push(i, 0, i);
    outputs.next();
    outputs.push(0, 1, 0);
    outputs.push(1, 1, 1);
    expect(sizes).toEqual([MAX_BATCH - 1]);
    outputs.undo();
    outputs.flush();
    expect(sizes).toEqual([MAX_BATCH - 1]);
  });

  it("makes ids of ids", () => {
    expect(child(originOf(1), 2)).toEqual({ ...originOf(1), index: "2" });
    expect(child(undefined, 2)).toBeUndefined();
  });
});
