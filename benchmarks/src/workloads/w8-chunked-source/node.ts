import { pipeline } from "node:stream/promises";
import { eachValue, filter, flatMap, fromArray, map } from "../../peers/node-streams.js";
import { addOne, double, isNotThird, sum } from "./input.js";

export async function run(chunks: readonly (readonly number[])[]): Promise<number> {
  let total = 0;
  const end = eachValue<number>((value) => {
    total = sum(total, value);
  });
  const values = flatMap((chunk: readonly number[]) => chunk);
  await pipeline(fromArray(chunks), values, map(addOne), filter(isNotThird), map(double), end);
  return total;
}
