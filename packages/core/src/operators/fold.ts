import type { OperatorSpec } from "../stage.js";
import { rolling } from "./rolling.js";

/**
 * Rolling: emits the accumulator after every value, over all values or by key. The accumulator must not be changed in place, because
 * every state of it is a value that others hold.
 */
export function fold<A, T>(
  initial: A,
  fn: (accumulator: A, value: T) => A,
  options: { readonly name?: string },
  keyed: boolean,
): OperatorSpec {
  return rolling<A, T>("fold", { initial: { state: initial }, fn }, options.name, keyed);
}
