import fc from "fast-check";
import { expect, it } from "vitest";
import { copyBytes } from "./byte-copies.js";

it("copies hold what they were made of, whatever is copied or written after them", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 2_000 }), { maxLength: 60 }), (pieces) => {
      const copies = pieces.map((piece) => copyBytes(piece));
      const expected = pieces.map((piece) => [...piece]);
      for (const piece of pieces) piece.fill(0);
      expect(copies.map((copy) => [...copy])).toEqual(expected);
      for (const [i, copy] of copies.entries()) copy.fill(i % 256);
      expect(copies.map((copy) => [...copy])).toEqual(pieces.map((piece, i) => [...piece].fill(i % 256)));
    }),
  );
});

it("a copy that is kept keeps no more than 8 KB, or itself", () => {
  const answer = new Uint8Array(10_000_000);
  for (const length of [0, 1, 300, 1_024])
    expect(copyBytes(answer.subarray(5, 5 + length)).buffer.byteLength).toBe(8_192);
  expect(copyBytes(answer.subarray(0, 5_000)).buffer.byteLength).toBe(5_000);
});
