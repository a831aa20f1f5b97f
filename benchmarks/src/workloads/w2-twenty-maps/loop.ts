import { sum } from "./input.js";

/** The steps of `input.ts`, written out by hand. */
export function run(values: readonly number[]): number {
  let total = 0;
  for (const value of values) {
    let next = value;
    next = next + 1;
    next = next - 1;
    next = (next & 0xffffff) + 3;
    next = next ^ 4;
    next = next + 5;
    next = next - 3;
    next = (next & 0xffffff) + 7;
    next = next ^ 8;
    next = next + 9;
    next = next - 5;
    next = (next & 0xffffff) + 11;
    next = next ^ 12;
    next = next + 13;
    next = next - 7;
    next = (next & 0xffffff) + 15;
    next = next ^ 16;
    next = next + 17;
    next = next - 9;
    next = (next & 0xffffff) + 19;
    next = next ^ 20;
    total = sum(total, next);
  }
  return total;
}
