import type { OperatorSpec } from "../stage.js";
import { rolling } from "./rolling.js";

/** Rolling: emits the first value as it is, then `fn(accumulator, value)` after every value, over all values or by key. */
export function reduce<T>(
  fn: (accumulator: T, value: T) => T,
  options: { readonly name?: string },
  keyed: boolean,
): OperatorSpec {
  return rolling<T, T>("reduce", { initial: undefined, fn }, options.name, keyed);
}
