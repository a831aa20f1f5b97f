import { from } from "@millrace/core";
import { type AsyncInput, CONCURRENCY } from "./input.js";

export async function run({ values, call }: AsyncInput): Promise<number> {
  let total = 0;
  await from(values)
    .mapAsync(call, { concurrency: CONCURRENCY })
    .forEach((result) => {
      total += result;
    });
  return total;
}
