import { filter, fromArray, map } from "../../peers/async-generators.js";
import { addOne, double, isNotThird, sum } from "./input.js";

export async function run(values: readonly number[]): Promise<number> {
  let total = 0;
  for await (const value of map(double, filter(isNotThird, map(addOne, fromArray(values))))) total = sum(total, value);
  return total;
}
