import { fromArray } from "../../peers/node-streams.js";
import { type AsyncInput, CONCURRENCY } from "./input.js";

export async function run({ values, call }: AsyncInput): Promise<number> {
  let total = 0;
  for await (const result of fromArray(values).map(call, { concurrency: CONCURRENCY })) total += result;
  return total;
}
