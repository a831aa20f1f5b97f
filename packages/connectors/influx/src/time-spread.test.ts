import fc from "fast-check";
import { expect, it } from "vitest";
import { subMillisecond } from "./line-protocol.js";
import { TimeSpread } from "./time-spread.js";

it("gives each origin what it would have alone, whatever came before it", () => {
  const origin = fc.record({
    source: fc.constantFrom("a", "b"),
    partition: fc.constantFrom("0", "1"),
    index: fc.constantFrom("", "0", "1.2"),
    offset: fc.oneof(fc.nat(), fc.bigInt({ min: 0n, max: 2n ** 63n })),
  });
  fc.assert(
    fc.property(fc.array(fc.tuple(origin, fc.nat({ max: 2 }))), (sequence) => {
      const spread = new TimeSpread();
      for (const [each, place] of sequence) {
        const alone = subMillisecond(`${each.source}/${each.partition}/${each.index}#${place}`, each.offset);
        expect(spread.within(each, each.offset, place)).toBe(alone);
      }
    }),
  );
});
