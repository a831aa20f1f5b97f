import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Batch } from "../stage.js";
import { type Aggregate, aggregates, type TwoStepAggregate } from "./aggregate.js";
import type { ColumnFold } from "./column-fold.js";
import { contentOf, type WindowContent } from "./content.js";
import { generateNumbers } from "./numeric-code.js";
import { composeNumbers, numericContent } from "./numeric-content.js";
import type { NumericContent, NumericPart } from "./numeric-parts.js";

const by = aggregates<number>();
const all: Record<string, Aggregate<number, unknown, unknown>> = {
  n: by.count(),
  sum: by.sum((x) => x),
  mean: by.average((x) => x * 2),
  low: by.min((x) => x),
  high: by.max((x) => -x),
  __proto__x: by.sum((x) => x / 3),
  'a "quoted" name': by.count(),
};
const described: WindowContent<number, unknown> = { kind: "aggregate", aggregates: all };
const general = contentOf(described, "w");

function parts(): { parts: NumericPart<number>[]; width: number } {
  let width = 1;
  const made = Object.entries(all).map(([name, aggregate]) => {
    const { column, read } = aggregate as TwoStepAggregate<number, number, unknown, unknown>;
    const fold = column as ColumnFold;
    const part = { name, fold, read: fold.width === 0 ? undefined : read, offset: width };
    width += fold.width;
    return part;
  });
  return { parts: made, width };
}

const { parts: made, width } = parts();
const composed = composeNumbers(made, width);
const roads: Record<string, NumericContent<number>> = { composed, generated: generateNumbers(made, width, composed) };
const batchOf = (values: readonly number[]): Batch<number> => new Batch(values, null, null, null, null, undefined);

/** Numbers whose exact sum mostly fits into two doubles, and some whose does not. */
const number = fc.oneof(
  fc.integer({ min: -1_000, max: 1_000 }),
  fc.integer({ min: -100_000, max: 100_000 }).map((cents) => cents / 100),
  fc.constantFrom(1e16, 1e-9, 2 ** 53, Number.POSITIVE_INFINITY, Number.NaN, -0),
);

describe("numbers in rows", () => {
  for (const [road, numbers] of Object.entries(roads)) {
    it(`${road}: give what the general accumulators give, or say that they do not fit and change nothing`, () => {
      fc.assert(
        fc.property(fc.array(number, { minLength: 1, maxLength: 20 }), (values) => {
          const rows = new Float64Array(3 * width).fill(7);
          const at = width;
          rows[at] = 0;
          let held = general.init();
          const batch = batchOf(values);
          for (let i = 0; i < values.length; i++) {
            const before = Array.from(rows);
            if (!numbers.add(rows, at, batch, i)) {
              expect(Array.from(rows)).toEqual(before);
              return;
            }
            held = general.add(held, batch, i, 0, 0);
            expect(numbers.result(rows, at)).toEqual(general.result(held, undefined, 0, 1));
            expect(general.result(numbers.unpack(rows, at), undefined, 0, 1)).toEqual(numbers.result(rows, at));
            const packed = new Float64Array(width);
            expect(numbers.pack(numbers.unpack(rows, at), rows[at] as number, packed, 0)).toBe(true);
            expect(Array.from(packed)).toEqual(Array.from(rows.slice(at, at + width)));
          }
          expect(Array.from(rows.slice(0, width)).concat(Array.from(rows.slice(2 * width)))).toEqual(
            new Array(2 * width).fill(7),
          );
        }),
        { numRuns: 300 },
      );
    });

    it(`${road}: add rows up by id, or say that they do not fit`, () => {
      fc.assert(
        fc.property(
          fc.array(fc.array(number, { maxLength: 4 }), { minLength: 1, maxLength: 5 }),
          fc.boolean(),
          (panes, sparse) => {
            const ids = sparse ? panes.map((_, slot) => (slot * 3) % panes.length) : undefined;
            const totals = new Float64Array(panes.length * width);
            const helds = panes.map(() => general.init());
            const blocks = [panes, [...panes].reverse()];
            for (const block of blocks) {
              const rows = new Float64Array(block.length * width);
              for (const [slot, values] of block.entries()) {
                const batch = batchOf(values);
                const id = ids?.[slot] ?? slot;
                for (let i = 0; i < values.length; i++) {
                  if (!numbers.add(rows, slot * width, batch, i)) return;
                  helds[id] = general.add(helds[id], batch, i, 0, 0);
                }
              }
              if (!numbers.addUp(totals, rows, block.length, ids)) return;
            }
            for (const [id, held] of helds.entries())
              if ((totals[id * width] as number) > 0)
                expect(numbers.result(totals, id * width)).toEqual(general.result(held, undefined, 0, 1));
          },
        ),
        { numRuns: 300 },
      );
    });

    it(`${road}: leave a row as it is when a function fails`, () => {
      const rows = new Float64Array(width);
      numbers.add(rows, 0, batchOf([1]), 0);
      const before = Array.from(rows);
      expect(() => numbers.add(rows, 0, batchOf(["x" as unknown as number]), 0)).toThrow(
        /by\.sum\(\) needs a number of each value; it got string/,
      );
      expect(Array.from(rows)).toEqual(before);
    });
  }

  it("need two doubles for prices, and more for numbers far apart", () => {
    const rows = new Float64Array(width);
    for (let i = 0; i < 10_000; i++) expect(composed.add(rows, 0, batchOf([0.01 * (i % 977)]), 0)).toBe(true);
    expect(composed.add(rows, 0, batchOf([1e-25]), 0)).toBe(false);
  });

  it("are there for records of numbers and counts only", () => {
    expect(numericContent({ kind: "count" })?.width).toBe(1);
    expect(numericContent(described)?.width).toBe(width);
    expect(numericContent({ kind: "collect" })).toBeUndefined();
    expect(numericContent({ kind: "aggregate", aggregates: { n: by.count(), first: by.first() } })).toBeUndefined();
    expect(
      numericContent({
        kind: "aggregate",
        aggregates: { own: by.of({ init: () => 0, add: (a) => a, merge: (l) => l, result: (a) => a }) },
      }),
    ).toBeUndefined();
  });

  it("keep the names of results apart from prototypes", () => {
    const one: WindowContent<number, unknown> = {
      kind: "aggregate",
      aggregates: Object.fromEntries([["__proto__", by.count()]]),
    };
    const rows = new Float64Array(1);
    const numbers = numericContent(one) as NumericContent<number>;
    numbers.add(rows, 0, batchOf([1]), 0);
    expect(Object.entries(numbers.result(rows, 0) as object)).toEqual([["__proto__", 1]]);
  });
});
