import { filter, flatten, map, reduce } from "streaming-iterables";
import { addOne, double, isNotThird, sum } from "./input.js";

export function run(chunks: readonly (readonly number[])[]): Promise<number> {
  return reduce(sum, 0, map(double, filter(isNotThird, map(addOne, flatten(chunks)))));
}
