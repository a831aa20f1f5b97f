import { batch, flatten, map, reduce } from "streaming-iterables";
import { BATCH, mix, pairOf, sumOf } from "./input.js";

export function run(values: readonly number[]): Promise<number> {
  const pairs = flatten(map(pairOf, values)) as AsyncIterable<number>;
  return reduce(mix, 0, map(sumOf, batch<number, AsyncIterable<number>>(BATCH, pairs)));
}
