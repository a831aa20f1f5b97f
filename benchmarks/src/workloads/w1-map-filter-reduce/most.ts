import { filter, map } from "@most/core";
import { fromArray, reduce } from "../../peers/most.js";
import { addOne, double, isNotThird, sum } from "./input.js";

export function run(values: readonly number[]): Promise<number> {
  return reduce(sum, 0, map(double, filter(isNotThird, map(addOne, fromArray(values)))));
}
