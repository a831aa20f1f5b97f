import fc from "fast-check";
import { expect, it } from "vitest";
import { keyText } from "./codec.js";
import { compareKeys, keyOf, pairText, splitPair } from "./key-pair.js";

const keys = fc.oneof(
  fc.string({ unit: "binary" }).filter((text) => text.isWellFormed()),
  fc.integer(),
  fc.bigInt(),
  fc.boolean(),
  fc.constantFrom(Number.NaN, 1.5, "", "1:s:", ":"),
);

it("a pair is two keys, told apart by type and by where one ends", () => {
  fc.assert(
    fc.property(keys, keys, (first, second) => {
      expect(splitPair(pairText(first, second))).toEqual([first, second]);
      expect(keyOf(keyText(first))).toEqual(first);
    }),
  );
  expect(pairText("a", "bc")).not.toBe(pairText("ab", "c"));
});

it("keys have one order, however they come", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string(), fc.integer(), fc.bigInt(), fc.boolean())), (some) => {
      const once = [...some].sort(compareKeys);
      expect([...some].reverse().sort(compareKeys)).toEqual(once);
    }),
  );
  expect(["b", 10, 2n, true, 9, "a", false].sort(compareKeys)).toEqual([false, true, 9, 10, 2n, "a", "b"]);
});
