import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addExact, type ExactSum, mergeExact, sumOf, ZERO } from "./exact-sum.js";

const add = (values: readonly number[]): ExactSum => values.reduce(addExact, ZERO);
/** The exact sum of doubles as a fraction of 2^1100, rounded once. */
function oracle(values: readonly number[]): number {
  const SHIFT = 1_100n;
  let total = 0n;
  for (const value of values) {
    const bits = new DataView(new ArrayBuffer(8));
    bits.setFloat64(0, value);
    const raw = bits.getBigUint64(0);
    const exponent = (raw >> 52n) & 0x7ffn;
    const mantissa = (raw & 0xfffffffffffffn) | (exponent === 0n ? 0n : 1n << 52n);
    const scaled = mantissa << (SHIFT - 1_074n + (exponent === 0n ? 0n : exponent - 1n));
    total += raw >> 63n === 1n ? -scaled : scaled;
  }
  return ratio(total, 1n << SHIFT);
}

/** Correctly rounded quotient of big integers by a power of two (round half to even). */
function ratio(numerator: bigint, denominator: bigint): number {
  const negative = numerator < 0n;
  let n = negative ? -numerator : numerator;
  let scale = 0;
  const shift = denominator.toString(2).length - 1;
  const length = n.toString(2).length;
  const drop = Math.max(length - 53, shift - 1_074);
  if (drop > 0) {
    const half = 1n << BigInt(drop - 1);
    const rest = n & ((1n << BigInt(drop)) - 1n);
    n >>= BigInt(drop);
    if (rest > half || (rest === half && (n & 1n) === 1n)) n++;
    scale = drop;
  }
  let result = Number(n);
  let power = scale - shift;
  for (; power > 0; power--) result *= 2;
  for (; power < 0 && power < -1_000; power += 500) result *= 2 ** -500;
  result *= 2 ** power;
  return negative ? -result : result;
}

const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e300, max: 1e300 }),
  fc.double({ noNaN: true, min: -1, max: 1 }),
  fc.integer(),
  fc.constantFrom(1e16, -1e16, 1, 0.1, 0.2, 0.3, 1e-300, 5e-324, 2 ** 53, 2 ** 53 + 2),
);

describe("exact sum", () => {
  it("stays one number for whole numbers", () => {
    expect(add([1, 2, 3])).toBe(6);
    expect(add([2 ** 53 - 1, 1])).toBe(2 ** 53);
  });

  it("does not lose small numbers beside large ones", () => {
    expect(sumOf(add([1e16, 1, -1e16]))).toBe(1);
    expect(sumOf(add([0.1, 0.2, 0.3, -0.6]))).toBe(oracle([0.1, 0.2, 0.3, -0.6]));
  });

  it("gives what plain addition gives where that is not finite", () => {
    expect(sumOf(add([1, Number.POSITIVE_INFINITY]))).toBe(Number.POSITIVE_INFINITY);
    expect(sumOf(add([0.1, 0.2, Number.NaN, 1]))).toBeNaN();
    expect(sumOf(add([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]))).toBeNaN();
  });

  it("is the true sum, rounded once, in any order and grouping", () => {
    fc.assert(
      fc.property(fc.array(number, { maxLength: 30 }), fc.nat(), (values, seed) => {
        const expected = oracle(values);
        expect(sumOf(add(values))).toBe(expected + 0);
        const shuffled = [...values].sort((left, right) => Math.sin(left * seed) - Math.sin(right * seed));
        const at = seed % (values.length + 1);
        expect(sumOf(mergeExact(add(shuffled.slice(0, at)), add(shuffled.slice(at)))) + 0).toBe(expected + 0);
      }),
      { numRuns: 500 },
    );
  });
});
