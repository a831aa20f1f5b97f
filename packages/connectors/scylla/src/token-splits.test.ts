import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { comparePlaces, readPlace, writePlace } from "./scan-position.js";
import { BEFORE_ALL, MAX_TOKEN, MIN_TOKEN, nextPiece, splitRing } from "./token-splits.js";

const token = fc.bigInt({ min: MIN_TOKEN, max: MAX_TOKEN });

describe("the ring in parts", () => {
  it("has no gap and no overlap, from before the smallest token to the largest", () => {
    for (const count of [1, 2, 3, 7, 32, 1_000, 4_096]) {
      const splits = splitRing(count);
      expect(splits.length).toBe(count);
      expect(splits[0]?.after).toBe(BEFORE_ALL);
      expect(splits[count - 1]?.upTo).toBe(MAX_TOKEN);
      splits.forEach(({ after, upTo }, i) => {
        expect(upTo).toBeGreaterThan(after);
        if (i > 0) expect(after).toBe(splits[i - 1]?.upTo);
      });
    }
  });

  it("every token is in exactly one piece, however the hosts' tokens lie", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.array(token, { maxLength: 8 }), token, (count, ring, wanted) => {
        let holders = 0;
        for (const range of splitRing(count)) {
          let done = range.after;
          for (let piece = nextPiece(range, done, ring); piece !== undefined; piece = nextPiece(range, done, ring)) {
            expect(piece.after).toBe(done);
            expect(piece.upTo).toBeGreaterThan(done);
            // One host has all of it.
            expect(ring.some((each) => each > piece.after && each < piece.upTo)).toBe(false);
            if (wanted > piece.after && wanted <= piece.upTo) holders++;
            done = piece.upTo;
          }
          expect(done).toBe(range.upTo);
        }
        expect(holders).toBe(1);
      }),
    );
  });
});

describe("positions", () => {
  it("come back as they were, and compare by token, then by row", () => {
    const place = fc.record({
      done: fc.bigInt({ min: BEFORE_ALL, max: MAX_TOKEN }),
      rows: fc.nat(100_000),
      page: fc.option(fc.record({ after: token, upTo: token, state: fc.constantFrom("00", "deadbeef") }), {
        nil: undefined,
      }),
    });
    fc.assert(
      fc.property(place, place, (one, other) => {
        expect(readPlace(writePlace(one))).toEqual(one);
        const order = one.done === other.done ? one.rows - other.rows : one.done < other.done ? -1 : 1;
        expect(Math.sign(comparePlaces(writePlace(one), writePlace(other)))).toBe(Math.sign(order));
      }),
    );
  });

  it("are told from other text", () => {
    for (const text of ["", "7", "a b", "1 2 3", "1 2 3 4 xyz"])
      expect(() => readPlace(text)).toThrow(/no position of a scan/);
  });
});
