import { from } from "@millrace/core";
import { BATCH, mix, pairOf, sumOf } from "./input.js";

export async function run(values: readonly number[]): Promise<number> {
  let hash = 0;
  await from(values)
    .flatMap(pairOf)
    .batch({ size: BATCH })
    .map(sumOf)
    .forEach((sum) => {
      hash = mix(hash, sum);
    });
  return hash;
}
