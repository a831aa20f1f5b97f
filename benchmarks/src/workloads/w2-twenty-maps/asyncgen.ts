import { fromArray, map } from "../../peers/async-generators.js";
import { STEPS, sum } from "./input.js";

export async function run(values: readonly number[]): Promise<number> {
  let total = 0;
  let stream = fromArray(values);
  for (const step of STEPS) stream = map(step, stream);
  for await (const value of stream) total = sum(total, value);
  return total;
}
