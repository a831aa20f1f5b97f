import { from } from "@millrace/core";
import { addOne, double, isNotThird, sum } from "./input.js";

export async function run(values: readonly number[]): Promise<number> {
  return (await from(values).map(addOne).filter(isNotThird).map(double).reduce(sum).last()) ?? 0;
}
