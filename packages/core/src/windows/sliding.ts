import type { Duration } from "../duration.js";
import { requireArgument } from "../errors.js";
import { panesPerWindow } from "./aligned.js";
import { type WindowClock, type WindowSpec, wholeMs, wholeOrZeroMs, windowClock, windowSpec } from "./window.js";

/** More panes than this would make every result of a window slow. */
const MAX_PANES = 1_000;

/**
 * Windows of one size, a new one every `slide`, aligned to the epoch plus `offset`. A value is in `size / slide` of them; aggregates that
 * can merge are kept once a pane, so a value costs the same however many windows it is in. With `slide` above `size` some values are
 * in none.
 *
 * Throws `E_DURATION` for sizes that are not above zero, and `E_ARGUMENT` when they are not whole milliseconds or a window would have more
 * than 1,000 panes.
 *
 * @example
 * ```ts
 * import { from, sliding } from "@millrace/core";
 * const lastDay = from([{ at: 0 }]).eventTime((e) => e.at).window("day", sliding({ size: "24h", slide: "1h" })).count();
 * ```
 */
export function sliding(options: {
  readonly size: Duration;
  readonly slide: Duration;
  readonly offset?: Duration;
  readonly clock?: WindowClock;
}): WindowSpec<false> {
  const sizeMs = wholeMs(options.size, "sliding: size");
  const slideMs = wholeMs(options.slide, "sliding: slide");
  const offsetMs = wholeOrZeroMs(options.offset ?? 0, "sliding: offset") % slideMs;
  const panes = panesPerWindow({ sizeMs, slideMs, offsetMs });
  requireArgument(
    panes <= MAX_PANES,
    `sliding: a window of ${sizeMs} ms every ${slideMs} ms has ${panes} panes, more than ${MAX_PANES}: take a longer slide`,
  );
  return windowSpec("sliding", false, {
    kind: "aligned",
    clock: windowClock(options.clock, "sliding"),
    sizeMs,
    slideMs,
    offsetMs,
  });
}
