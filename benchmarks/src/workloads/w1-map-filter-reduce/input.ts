/** The functions that every engine of W1 and W8 runs. */
export const addOne = (value: number): number => value + 1;
export const isNotThird = (value: number): boolean => value % 3 !== 0;
export const double = (value: number): number => value * 2;
export const sum = (left: number, right: number): number => left + right;

/** The whole numbers from 0. */
export function prepare(size: number): readonly number[] {
  const values: number[] = [];
  for (let i = 0; i < size; i++) values.push(i);
  return values;
}
