import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { batchOf, originOf, StageHarness } from "../../test/stage-harness.js";
import type { Batch, Stage, StageContext } from "../stage.js";
import { bare, eachValue, isBare, mapValues, otherPlaces, placesWhere, without } from "./guard.js";

/** Runs `use` with the context of a stage that skips what fails; the values that failed. */
function skipping(use: (context: StageContext) => void): unknown[] {
  const make = (context: StageContext): Stage => {
    use(context);
    return { onBatch: () => {} };
  };
  return new StageHarness({ kind: "probe", make }, { onError: "skip" }).errors.map(({ value }) => value);
}

const negative = (n: number): number => {
  if (n < 0) throw new Error("negative");
  return n * 2;
};
const numbers = fc.array(fc.integer({ min: -2, max: 5 }), { maxLength: 20, size: "max" });
const timed = (values: readonly number[]): Batch<number> =>
  batchOf(values.map((value, i) => ({ value, time: i }))) as Batch<number>;

describe("guard", () => {
  it("leaves out exactly the values that fail, beside the columns of the others", () => {
    fc.assert(
      fc.property(numbers, (values) => {
        const good = values.map((value, time) => ({ value, time })).filter(({ value }) => value >= 0);
        const bad = values.filter((value) => value < 0);
        const failed = skipping((context) => {
          const mapped = mapValues(context, timed(values), negative);
          expect(mapped.values).toEqual(good.map(({ value }) => value * 2));
          expect(mapped.times ?? []).toEqual(good.map(({ time }) => time));
          const seen: number[] = [];
          const passed = eachValue(context, timed(values), (n) => void seen.push(negative(n)));
          expect([seen, passed.values]).toEqual([mapped.values, good.map(({ value }) => value)]);
          const { places, failed: failedPlaces } = placesWhere(context, timed(values), (n) => negative(n) > 4);
          expect(places).toEqual(good.filter(({ value }) => value > 2).map(({ time }) => time));
          expect(failedPlaces ?? []).toEqual(values.flatMap((value, i) => (value < 0 ? [i] : [])));
        });
        expect(failed).toEqual([...bad, ...bad, ...bad]);
      }),
    );
  });

  it("finds the other places", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean()), (taken) => {
        const places = taken.flatMap((is, i) => (is ? [i] : []));
        expect(otherPlaces(taken.length, places)).toEqual(taken.flatMap((is, i) => (is ? [] : [i])));
      }),
    );
    expect(without(timed([5, 6, 7]), [1])).toEqual(timed([5, 6, 7]).pick([0, 2]));
  });

  it("knows a batch that is only values", () => {
    expect(isBare(bare([1], "p"))).toBe(true);
    for (const beside of [{ time: 1 }, { key: 1 }, { origin: originOf(1) }, { mark: 1 }])
      expect(isBare(batchOf([{ value: 1, ...beside }]))).toBe(false);
  });
});
