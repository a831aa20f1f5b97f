/**
 * A sum of numbers without rounding: one number while that is exact, else parts whose magnitudes do not overlap (Shewchuk's
 * expansion). Its value, rounded once, does not depend on the order of the numbers or on how partial sums were put together.
 */
export type ExactSum = number | number[];

/** The sum of nothing. */
export const ZERO: ExactSum = 0;

/** Adds a number. A list of parts is changed in place. */
export function addExact(sum: ExactSum, value: number): ExactSum {
  if (typeof sum === "number") {
    const total = sum + value;
    if (Number.isSafeInteger(total) && Number.isSafeInteger(sum) && Number.isSafeInteger(value)) return total;
    return Number.isFinite(total) ? grow([sum], value) : total;
  }
  return grow(sum, value);
}

/** Adds the right sum to the left one, which is changed in place if it is a list. */
export function mergeExact(left: ExactSum, right: ExactSum): ExactSum {
  if (typeof right === "number") return addExact(left, right);
  let sum = left;
  for (const part of right) sum = addExact(sum, part);
  return sum;
}

/** The sum, correctly rounded. */
export function sumOf(sum: ExactSum): number {
  if (typeof sum === "number") return sum;
  // From the largest part down; the first that leaves a remainder decides the rounding.
  let place = sum.length - 1;
  let high = sum[place] ?? 0;
  let low = 0;
  while (place > 0) {
    const before = high;
    const part = sum[--place] as number;
    high = before + part;
    low = part - (high - before);
    if (low !== 0) break;
  }
  const next = sum[place - 1];
  if (place > 0 && next !== undefined && ((low < 0 && next < 0) || (low > 0 && next > 0))) {
    // Exactly half way after rounding to even: what is below it tips the balance.
    const doubled = low * 2;
    const tipped = high + doubled;
    if (doubled === tipped - high) high = tipped;
  }
  return high;
}

/** Adds a number to parts in ascending magnitude, keeping what each addition rounds away as a part of its own. */
function grow(parts: number[], value: number): ExactSum {
  let rest = value;
  let kept = 0;
  for (const part of parts) {
    const high = rest + part;
    const low = Math.abs(rest) < Math.abs(part) ? rest - (high - part) : part - (high - rest);
    if (low !== 0) parts[kept++] = low;
    rest = high;
  }
  if (!Number.isFinite(rest)) return rest;
  parts.length = kept;
  parts.push(rest);
  return kept === 0 ? rest : parts;
}
