import { batch, flatMap, fromArray, map } from "../../peers/async-generators.js";
import { BATCH, mix, pairOf, sumOf } from "./input.js";

export async function run(values: readonly number[]): Promise<number> {
  let hash = 0;
  for await (const sum of map(sumOf, batch(BATCH, flatMap(pairOf, fromArray(values))))) hash = mix(hash, sum);
  return hash;
}
