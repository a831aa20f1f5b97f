import { map, reduce } from "streaming-iterables";
import { STEPS, sum } from "./input.js";

export function run(values: readonly number[]): Promise<number> {
  let stream: Iterable<number> | AsyncIterable<number> = values;
  for (const step of STEPS) stream = map(step, stream);
  return reduce(sum, 0, stream as AsyncIterable<number>);
}
