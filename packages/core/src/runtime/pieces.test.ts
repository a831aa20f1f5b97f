import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Batch } from "../stage.js";
import { Pieces } from "./pieces.js";

function batchOf(values: readonly number[]): Batch<number> {
  return new Batch(values, null, null, null, null, "p");
}

/** Takes a whole batch in pieces, of each of whose values so many become. */
function takeAll(pieces: Pieces, batch: Batch<number>, ratio: number): Batch[] {
  const taken: Batch[] = [];
  let next: { readonly batch: Batch; readonly input: number } | undefined = { batch, input: 3 };
  while (next !== undefined) {
    expect(next.input).toBe(3);
    const piece = pieces.cut(next.batch, next.input);
    taken.push(piece);
    pieces.made(piece.values.length * ratio);
    pieces.learn();
    next = pieces.rest;
  }
  return taken;
}

describe("pieces", () => {
  it("are all of the batch, in order, whatever becomes of them", () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.integer(), { minLength: 1, maxLength: 1_024 }), { maxLength: 4 }),
        fc.nat(5_000),
        (batches, ratio) => {
          const pieces = new Pieces(4_096);
          for (const values of batches) {
            const taken = takeAll(pieces, batchOf(values), ratio);
            expect(taken.flatMap((piece) => piece.values)).toEqual(values);
            expect(taken.every((piece) => piece.values.length > 0)).toBe(true);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it("become about half a channel, or one value at a time; a batch that stays what it is goes through whole", () => {
    const values = Array.from({ length: 1_000 }, (_, i) => i);
    const pieces = new Pieces(4_096);
    expect(takeAll(pieces, batchOf(values), 1).map((piece) => piece.values.length)).toEqual([16, 984]);
    expect(takeAll(pieces, batchOf(values), 0)).toHaveLength(1);
    takeAll(pieces, batchOf(values), 100);
    expect(new Set(takeAll(pieces, batchOf(values), 100).map((piece) => piece.values.length))).toEqual(new Set([20]));
    takeAll(pieces, batchOf(values), 1e6);
    expect(takeAll(pieces, batchOf(values), 1e6)).toHaveLength(1_000);
    const small = new Pieces(64);
    expect(takeAll(small, batchOf(values), 4)[1]?.values).toHaveLength(8);
    // And back again.
    takeAll(pieces, batchOf(values), 1);
    expect(takeAll(pieces, batchOf(values), 1)).toHaveLength(1);
  });
});
