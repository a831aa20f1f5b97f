import { prepare as numbers } from "../w1-map-filter-reduce/input.js";

export { addOne, double, isNotThird, sum } from "../w1-map-filter-reduce/input.js";

const CHUNK = 1_000;

/** The whole numbers from 0 in chunks, as a broker's client hands them over. */
export function prepare(size: number): number[][] {
  const values = numbers(size);
  const chunks: number[][] = [];
  for (let from = 0; from < size; from += CHUNK) chunks.push(values.slice(from, from + CHUNK));
  return chunks;
}
