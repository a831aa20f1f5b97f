/** Four inputs and three branches that each see all of them. */
export const INPUTS = 4;

/** What each branch does. Written out three times, so that no two branches share what V8 learns. */
export const BRANCHES: readonly ((value: number) => number)[] = [
  (value) => value + 1,
  (value) => value * 2,
  (value) => value ^ 0x55,
];

export const sum = (left: number, right: number): number => left + right;

export const combine = (sums: readonly number[]): number => sums.reduce((total, each, i) => total + each * (i + 1), 0);

/** The whole numbers from 0, dealt out to the inputs. */
export function prepare(size: number): number[][] {
  const inputs: number[][] = Array.from({ length: INPUTS }, () => []);
  for (let i = 0; i < size; i++) inputs[i % INPUTS]?.push(i);
  return inputs;
}
