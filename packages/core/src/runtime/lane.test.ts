import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Batch } from "../stage.js";
import { Lane, selectGroup } from "./lane.js";

function batchOf(values: readonly number[], keys: readonly string[] | null = null): Batch<number> {
  return new Batch(values, null, keys, null, null, undefined);
}

function laneOf(...sizes: readonly number[]): Lane {
  const lane = new Lane();
  let next = 0;
  for (const size of sizes) lane.add(batchOf(Array.from({ length: size }, () => next++)), null, next);
  return lane;
}

function drain(lane: Lane, count: number, fill: boolean): number[][] {
  const writes: number[][] = [];
  while (lane.size > 0) writes.push([...(lane.take(count, fill).values as number[])]);
  return writes;
}

describe("a lane", () => {
  it("hands on a batch that fits as it is, without a copy", () => {
    const lane = new Lane();
    const first = batchOf([1, 2, 3]);
    lane.add(first, null, 0);
    lane.add(batchOf([4, 5]), null, 0);
    expect(lane.take(4, false).values).toBe(first.values);
  });

  it("puts small batches together as long as they fit", () => {
    expect(drain(laneOf(1, 2, 3), 4, false)).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ]);
  });

  it("cuts a batch that is longer than a write", () => {
    expect(drain(laneOf(5, 1), 2, false)).toEqual([
      [0, 1],
      [2, 3],
      [4, 5],
    ]);
  });

  it("fills a write up where a size was asked for", () => {
    expect(drain(laneOf(3, 3), 4, true)).toEqual([
      [0, 1, 2, 3],
      [4, 5],
    ]);
  });

  it("keeps values, columns and order, whatever is cut and joined", () => {
    const parts = fc.array(fc.record({ size: fc.integer({ min: 1, max: 9 }), keyed: fc.boolean() }), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(parts, fc.integer({ min: 1, max: 12 }), fc.boolean(), (all, count, fill) => {
        const lane = new Lane();
        const expected: [number, string | undefined][] = [];
        for (const { size, keyed } of all) {
          const values = Array.from({ length: size }, (_, i) => expected.length + i);
          const keys = keyed ? values.map((value) => `k${value}`) : null;
          lane.add(batchOf(values, keys), null, 0);
          values.forEach((value, i) => {
            expected.push([value, keys?.[i]]);
          });
        }
        const seen: [number, string | undefined][] = [];
        while (lane.size > 0) {
          const { values, keys } = lane.take(count, fill);
          expect(values.length).toBeGreaterThan(0);
          expect(values.length).toBeLessThanOrEqual(count);
          (values as number[]).forEach((value, i) => {
            seen.push([value, keys?.[i] as string | undefined]);
          });
        }
        expect(seen).toEqual(expected);
      }),
    );
  });

  it("knows since when its oldest value waits", () => {
    const lane = new Lane();
    expect(lane.since).toBe(Number.POSITIVE_INFINITY);
    lane.add(batchOf([1, 2]), null, 7);
    lane.add(batchOf([3]), null, 9);
    expect(lane.take(1, true).firstSeen).toBe(7);
    expect(lane.since).toBe(7);
    lane.take(1, true);
    expect(lane.since).toBe(9);
  });

  it("selects values with what travels beside them", () => {
    const lane = new Lane();
    lane.add(batchOf([1, 2, 3], ["a", "b", "c"]), null, 0);
    expect(selectGroup(lane.take(9, false), [0, 2])).toEqual({
      values: [1, 3],
      keys: ["a", "c"],
      times: null,
      origins: null,
      firstSeen: 0,
    });
  });
});
