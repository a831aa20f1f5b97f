import { pipeline } from "node:stream/promises";
import { batch, eachValue, flatMap, fromArray, map } from "../../peers/node-streams.js";
import { BATCH, mix, pairOf, sumOf } from "./input.js";

export async function run(values: readonly number[]): Promise<number> {
  let hash = 0;
  const end = eachValue<number>((sum) => {
    hash = mix(hash, sum);
  });
  await pipeline(fromArray(values), flatMap(pairOf), batch(BATCH), map(sumOf), end);
  return hash;
}
