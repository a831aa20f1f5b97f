/** Two values for each: what `flatMap` runs. */
export const pairOf = (value: number): number[] => [value, value + 1];

export const BATCH = 100;

/** The sum of a batch: what `map` runs. */
export function sumOf(values: readonly number[]): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

/** Batches must be right and in order for this to be equal. */
export const mix = (hash: number, sum: number): number => (Math.imul(hash, 31) + sum) | 0;

export { prepare } from "../w1-map-filter-reduce/input.js";
