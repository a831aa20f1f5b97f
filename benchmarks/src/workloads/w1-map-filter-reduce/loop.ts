import { addOne, double, isNotThird, sum } from "./input.js";

export function run(values: readonly number[]): number {
  let total = 0;
  for (const value of values) {
    const next = addOne(value);
    if (isNotThird(next)) total = sum(total, double(next));
  }
  return total;
}
