import { requireArgument } from "../errors.js";
import { panesPerWindow } from "./aligned.js";
import { type WindowSpec, windowSpec } from "./window.js";

/** More panes than this would make every result slow. */
const MAX_PANES = 1_000;

/**
 * Windows of `size` values of a key in the order they come, or with `step` of the last `size` values after every `step` values (fewer at
 * first). The window of a result is the numbers of its values, from 0 for the key's first; its event time is the largest of theirs. What
 * is left over when the input ends is not emitted.
 *
 * Throws `E_ARGUMENT` when `size` or `step` is not a whole number from 1, or a window would have more than 1,000 panes.
 *
 * @example
 * ```ts
 * import { countWindow, from } from "@millrace/core";
 * const sums = from([1, 2, 3, 4]).window("last-hundred", countWindow(100, { step: 2 })).reduce((a, b) => a + b);
 * ```
 */
export function countWindow(size: number, options: { readonly step?: number } = {}): WindowSpec<false> {
  const { step = size } = options;
  requireArgument(
    Number.isSafeInteger(size) && size >= 1,
    `countWindow: size must be a whole number from 1; it is ${size}`,
  );
  requireArgument(
    Number.isSafeInteger(step) && step >= 1,
    `countWindow: step must be a whole number from 1; it is ${step}`,
  );
  const panes = panesPerWindow({ sizeMs: size, slideMs: step, offsetMs: 0 });
  requireArgument(
    panes <= MAX_PANES,
    `countWindow: ${size} values every ${step} are ${panes} panes, more than ${MAX_PANES}: take a larger step`,
  );
  return windowSpec("count", false, { kind: "count", size, step });
}
