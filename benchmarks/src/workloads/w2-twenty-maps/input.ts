/** Twenty functions, each written out: closures made in one place would share what V8 learns about them. */
export const STEPS: readonly ((value: number) => number)[] = [
  (value) => value + 1,
  (value) => value - 1,
  (value) => (value & 0xffffff) + 3,
  (value) => value ^ 4,
  (value) => value + 5,
  (value) => value - 3,
  (value) => (value & 0xffffff) + 7,
  (value) => value ^ 8,
  (value) => value + 9,
  (value) => value - 5,
  (value) => (value & 0xffffff) + 11,
  (value) => value ^ 12,
  (value) => value + 13,
  (value) => value - 7,
  (value) => (value & 0xffffff) + 15,
  (value) => value ^ 16,
  (value) => value + 17,
  (value) => value - 9,
  (value) => (value & 0xffffff) + 19,
  (value) => value ^ 20,
];

export const sum = (left: number, right: number): number => left + right;

export { prepare } from "../w1-map-filter-reduce/input.js";
