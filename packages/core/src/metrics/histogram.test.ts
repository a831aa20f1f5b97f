import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Histogram } from "./histogram.js";

describe("Histogram", () => {
  it("has no quantile before the first value", () => {
    expect(new Histogram().quantile(0.5)).toBeUndefined();
  });

  it("answers the only value for every quantile", () => {
    const histogram = new Histogram();
    histogram.record(0.012);
    expect([0, 0.5, 0.99, 1].map((q) => histogram.quantile(q))).toEqual([0.012, 0.012, 0.012, 0.012]);
  });

  it("estimates quantiles within 9 % of the sorted values", () => {
    const positive = fc.double({ min: 1e-6, max: 4_000, noNaN: true });
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.array(positive, { minLength: 1, maxLength: 300 }), share, (values, q) => {
        const histogram = new Histogram();
        for (const value of values) histogram.record(value);
        const sorted = values.toSorted((a, b) => a - b);
        const exact = sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] as number;
        const estimate = histogram.quantile(q) as number;
        // A rank between two values may fall on either.
        const near = sorted.some(
          (value, i) => Math.abs(i - (q * sorted.length - 1)) <= 1 && Math.abs(estimate - value) <= 0.0906 * value,
        );
        expect(near || Math.abs(estimate - exact) <= 0.0906 * exact).toBe(true);
      }),
    );
  });

  it("counts a value at most its bucket's bound, exactly, also on the bound", () => {
    const histogram = new Histogram();
    const bounds = histogram.buckets().map(({ bound }) => bound);
    for (const bound of bounds) histogram.record(bound);
    expect(histogram.buckets().map(({ count }) => count)).toEqual(bounds.map((_, i) => i + 1));
    const above = new Histogram();
    for (const bound of bounds) above.record(bound * (1 + Number.EPSILON * 2));
    expect(above.buckets().map(({ count }) => count)).toEqual(bounds.map((_, i) => i));
  });

  it("gives cumulative buckets that agree with counting", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 10_000, noNaN: true }), { maxLength: 100 }), (values) => {
        const histogram = new Histogram();
        for (const value of values) histogram.record(value);
        for (const { bound, count } of histogram.buckets())
          expect(count).toBe(values.filter((value) => value <= bound).length);
        expect(histogram.count).toBe(values.length);
      }),
    );
  });

  it("has bounds that print as short decimals", () => {
    expect(
      new Histogram()
        .buckets()
        .slice(0, 5)
        .map(({ bound }) => String(bound)),
    ).toEqual(["0.000001", "0.000002", "0.000004", "0.000008", "0.000016"]);
  });

  it("takes zero, negative, huge and infinite values, and not NaN", () => {
    const histogram = new Histogram();
    histogram.record(0);
    histogram.record(-5);
    histogram.record(Number.NaN);
    expect([histogram.count, histogram.sum, histogram.quantile(1)]).toEqual([2, 0, 0]);
    histogram.record(1e12);
    histogram.record(Number.POSITIVE_INFINITY);
    expect(histogram.count).toBe(4);
    expect(histogram.quantile(1)).toBe(Number.POSITIVE_INFINITY);
    expect(histogram.buckets().at(-1)?.count).toBe(2);
  });

  it("records a value many times at once", () => {
    const histogram = new Histogram();
    histogram.record(2, 99);
    histogram.record(1_000);
    expect([histogram.count, histogram.sum]).toEqual([100, 1_198]);
    expect(histogram.quantile(0.99)).toBeLessThan(2.2);
    expect(histogram.quantile(1)).toBe(1_000);
  });
});
