import { fromPromise, mergeMapConcurrently } from "@most/core";
import { eachValue, fromArray } from "../../peers/most.js";
import { type AsyncInput, CONCURRENCY } from "./input.js";

export async function run({ values, call }: AsyncInput): Promise<number> {
  let total = 0;
  const results = mergeMapConcurrently((value) => fromPromise(call(value)), CONCURRENCY, fromArray(values));
  await eachValue(results, (result) => {
    total += result;
  });
  return total;
}
