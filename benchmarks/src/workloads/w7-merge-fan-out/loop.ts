import { BRANCHES, combine, sum } from "./input.js";

/** Takes turns between the inputs, as a merge does. */
export function run(inputs: readonly (readonly number[])[]): number {
  const [first, second, third] = BRANCHES as [(typeof BRANCHES)[0], (typeof BRANCHES)[0], (typeof BRANCHES)[0]];
  let a = 0;
  let b = 0;
  let c = 0;
  const longest = Math.max(...inputs.map(({ length }) => length));
  for (let i = 0; i < longest; i++) {
    for (const input of inputs) {
      if (i >= input.length) continue;
      const value = input[i] as number;
      a = sum(a, first(value));
      b = sum(b, second(value));
      c = sum(c, third(value));
    }
  }
  return combine([a, b, c]);
}
