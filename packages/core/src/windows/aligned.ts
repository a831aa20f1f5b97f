import type { TimeSpan } from "./window.js";

/** Windows of one size, one every slide, aligned to the epoch plus an offset. */
export interface Alignment {
  readonly sizeMs: number;
  readonly slideMs: number;
  readonly offsetMs: number;
}

/** The start of the last window that begins at or before a time; right for negative times. */
export function lastStart(time: number, { slideMs, offsetMs }: Alignment): number {
  const past = (time - offsetMs) % slideMs;
  return time - (past < 0 ? past + slideMs : past);
}

/** The windows a time is in, the earliest first. None where `slide` leaves a gap. */
export function windowsOf(time: number, alignment: Alignment): TimeSpan[] {
  const { sizeMs, slideMs } = alignment;
  const spans: TimeSpan[] = [];
  for (let start = lastStart(time, alignment); start > time - sizeMs; start -= slideMs)
    spans.push({ start, end: start + sizeMs });
  return spans.reverse();
}

/**
 * The pane a time is in. Panes cut time at every start and every end of a window, so that each window is a whole number of them: one a
 * slide, or two where `size` is not a multiple of `slide`.
 */
export function paneOf(time: number, alignment: Alignment): TimeSpan {
  const start = lastStart(time, alignment);
  const end = start + alignment.slideMs;
  const cut = start + (alignment.sizeMs % alignment.slideMs);
  if (cut === start) return { start, end };
  return time < cut ? { start, end: cut } : { start: cut, end };
}

/** How many panes a window has. */
export function panesPerWindow({ sizeMs, slideMs }: Alignment): number {
  const whole = Math.floor(sizeMs / slideMs);
  return sizeMs % slideMs === 0 ? whole : 2 * whole + 1;
}
