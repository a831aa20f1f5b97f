import { pipeline } from "node:stream/promises";
import { eachValue, filter, fromArray, map } from "../../peers/node-streams.js";
import { addOne, double, isNotThird, sum } from "./input.js";

export async function run(values: readonly number[]): Promise<number> {
  let total = 0;
  const end = eachValue<number>((value) => {
    total = sum(total, value);
  });
  await pipeline(fromArray(values), map(addOne), filter(isNotThird), map(double), end);
  return total;
}
