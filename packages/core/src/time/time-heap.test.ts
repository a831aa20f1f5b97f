import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TimeHeap } from "./time-heap.js";

describe("TimeHeap", () => {
  it("is empty at first", () => {
    const heap = new TimeHeap<string>();
    expect([heap.size, heap.nextTime, heap.next, heap.pop()]).toEqual([
      0,
      Number.POSITIVE_INFINITY,
      undefined,
      undefined,
    ]);
  });

  it("gives back what was put in, by time and then by the tie, like a sorted array", () => {
    const step = fc.oneof(
      fc.constant("pop" as const),
      fc.tuple(fc.integer({ min: -5, max: 5 }), fc.integer({ min: 0, max: 3 })),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
        const heap = new TimeHeap<readonly [number, number]>((left, right) => left[1] - right[1]);
        const oracle: (readonly [number, number])[] = [];
        for (const taken of steps) {
          if (taken === "pop") {
            expect(heap.pop()).toEqual(oracle.shift());
          } else {
            heap.push(taken[0], taken);
            oracle.push(taken);
            oracle.sort((left, right) => left[0] - right[0] || left[1] - right[1]);
          }
          expect([heap.size, heap.nextTime, heap.next]).toEqual([
            oracle.length,
            oracle[0]?.[0] ?? Number.POSITIVE_INFINITY,
            oracle[0],
          ]);
        }
      }),
    );
  });
});
