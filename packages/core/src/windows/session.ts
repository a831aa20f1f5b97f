import type { Duration } from "../duration.js";
import { type WindowClock, type WindowSpec, wholeMs, windowClock, windowSpec } from "./window.js";

/**
 * Windows of values that follow each other by at most `gap`: each value opens `[time, time + gap)`, and windows of a key that overlap or
 * touch are one. A session ends `gap` after its last value. A value that comes late may join sessions into one; if they had given
 * results, the joined one lists what it `replaces`.
 *
 * Throws `E_DURATION` or `E_ARGUMENT` for a gap that is not whole milliseconds above zero.
 *
 * @example
 * ```ts
 * import { from, session } from "@millrace/core";
 * const visits = from([{ at: 0, user: "a" }]).eventTime((e) => e.at).keyBy((e) => e.user).window("visits", session({ gap: "30m" })).collect();
 * ```
 */
export function session(options: { readonly gap: Duration; readonly clock?: WindowClock }): WindowSpec<true> {
  return windowSpec("session", true, {
    kind: "session",
    clock: windowClock(options.clock, "session"),
    gapMs: wholeMs(options.gap, "session: gap"),
  });
}
