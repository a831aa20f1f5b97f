import type { Duration } from "../duration.js";
import { type WindowClock, type WindowSpec, wholeMs, wholeOrZeroMs, windowClock, windowSpec } from "./window.js";

/**
 * Windows of one size that follow each other without gaps: `[start, end)`, aligned to the epoch plus `offset` (before 1970 too). A value
 * is in exactly one. By event time, or with `clock: "processing"` by the clock when the value comes.
 *
 * Throws `E_DURATION` or `E_ARGUMENT` for a size that is not whole milliseconds above zero.
 *
 * @example
 * ```ts
 * import { from, tumbling } from "@millrace/core";
 * const perHour = from([{ at: 0 }, { at: 5_000 }]).eventTime((e) => e.at).window("hourly", tumbling({ size: "1h" })).count();
 * ```
 */
export function tumbling(options: {
  readonly size: Duration;
  readonly offset?: Duration;
  readonly clock?: WindowClock;
}): WindowSpec<false> {
  const sizeMs = wholeMs(options.size, "tumbling: size");
  return windowSpec("tumbling", false, {
    kind: "aligned",
    clock: windowClock(options.clock, "tumbling"),
    sizeMs,
    slideMs: sizeMs,
    offsetMs: wholeOrZeroMs(options.offset ?? 0, "tumbling: offset") % sizeMs,
  });
}
