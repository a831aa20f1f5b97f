import { map } from "@most/core";
import { fromArray, reduce } from "../../peers/most.js";
import { STEPS, sum } from "./input.js";

export function run(values: readonly number[]): Promise<number> {
  let stream = fromArray(values);
  for (const step of STEPS) stream = map(step, stream);
  return reduce(sum, 0, stream);
}
