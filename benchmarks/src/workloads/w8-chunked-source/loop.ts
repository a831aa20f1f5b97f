import { addOne, double, isNotThird, sum } from "./input.js";

export function run(chunks: readonly (readonly number[])[]): number {
  let total = 0;
  for (const chunk of chunks) {
    for (const value of chunk) {
      const next = addOne(value);
      if (isNotThird(next)) total = sum(total, double(next));
    }
  }
  return total;
}
