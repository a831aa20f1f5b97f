import { pipeline } from "node:stream/promises";
import { eachValue, fromArray, map } from "../../peers/node-streams.js";
import { STEPS, sum } from "./input.js";

export async function run(values: readonly number[]): Promise<number> {
  let total = 0;
  const end = eachValue<number>((value) => {
    total = sum(total, value);
  });
  await pipeline([fromArray(values), ...STEPS.map((step) => map(step)), end]);
  return total;
}
