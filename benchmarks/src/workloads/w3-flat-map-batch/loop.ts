import { BATCH, mix, pairOf, sumOf } from "./input.js";

export function run(values: readonly number[]): number {
  let hash = 0;
  let batch: number[] = [];
  for (const value of values) {
    for (const each of pairOf(value)) {
      batch.push(each);
      if (batch.length === BATCH) {
        hash = mix(hash, sumOf(batch));
        batch = [];
      }
    }
  }
  return batch.length === 0 ? hash : mix(hash, sumOf(batch));
}
