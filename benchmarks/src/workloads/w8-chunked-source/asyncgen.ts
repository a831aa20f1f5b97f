import { filter, flatMap, fromArray, map } from "../../peers/async-generators.js";
import { addOne, double, isNotThird, sum } from "./input.js";

export async function run(chunks: readonly (readonly number[])[]): Promise<number> {
  let total = 0;
  const values = flatMap((chunk) => chunk, fromArray(chunks));
  for await (const value of map(double, filter(isNotThird, map(addOne, values)))) total = sum(total, value);
  return total;
}
