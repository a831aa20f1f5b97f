import { filter, map, reduce } from "streaming-iterables";
import { addOne, double, isNotThird, sum } from "./input.js";

export function run(values: readonly number[]): Promise<number> {
  return reduce(sum, 0, map(double, filter(isNotThird, map(addOne, values))));
}
