import fc from "fast-check";
import { expect, it } from "vitest";
import { ByteArena } from "./byte-arena.js";

it("an arena writes what TextEncoder would, beside what it wrote before", () => {
  const text = fc.oneof(
    fc.string({ maxLength: 40 }),
    fc.string({ unit: "binary", maxLength: 40 }),
    fc.string({ minLength: 2_000, maxLength: 2_100 }),
  );
  fc.assert(
    fc.property(
      fc.array(fc.tuple(text, fc.boolean(), fc.integer({ min: 0, max: 20 })), { maxLength: 60, size: "max" }),
      (entries) => {
        const arena = new ByteArena();
        const expected = entries.map(([each]) => Buffer.from(each));
        const written = entries.map(([each, asBytes, header], i) =>
          asBytes ? arena.bytes(expected[i] as Buffer, header) : arena.text(each, header),
        );
        for (const [i, bytes] of written.entries())
          expect(
            Buffer.from(bytes.subarray((entries[i] as [string, boolean, number])[2])).equals(expected[i] as Buffer),
          ).toBe(true);
      },
    ),
  );
});

it("an arena puts many small entries into one piece of memory, and leaves a header free", () => {
  const arena = new ByteArena();
  const [first, second] = [arena.text("ab", 3), arena.text("c")];
  expect([first.length, [...first], first.buffer === second.buffer]).toEqual([5, [0, 0, 0, 97, 98], true]);
  expect(arena.text("x".repeat(3_000)).buffer).not.toBe(first.buffer);
});
