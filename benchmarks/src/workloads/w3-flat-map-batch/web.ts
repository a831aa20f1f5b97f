import { batch, eachValue, flatMap, fromArray, map } from "../../peers/web-streams.js";
import { BATCH, mix, pairOf, sumOf } from "./input.js";

export async function run(values: readonly number[]): Promise<number> {
  let hash = 0;
  await fromArray(values)
    .pipeThrough(flatMap(pairOf))
    .pipeThrough(batch<number>(BATCH))
    .pipeThrough(map(sumOf))
    .pipeTo(
      eachValue((sum) => {
        hash = mix(hash, sum);
      }),
    );
  return hash;
}
