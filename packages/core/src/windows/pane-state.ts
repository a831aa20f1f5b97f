import type { Key } from "../element.js";
import type { Logged } from "../state/state-log.js";
import type { TimeSpan } from "./window.js";

/**
 * What one key has in one pane. A value that is late for the first windows over its pane counts for the later ones only: it goes into a
 * part of its own, `from` the first window that may have it.
 */
export interface Part<A> extends Logged {
  readonly row: Row<A>;
  readonly pane: number;
  /** -Infinity: all windows over the pane. */
  readonly from: number;
  accumulator: A;
  added: number;
}

/** The parts of a key, in the order of panes and `from`. */
export interface Row<A> {
  readonly key: Key | undefined;
  readonly parts: Part<A>[];
}

/** A window over panes. */
export interface Frame extends TimeSpan {
  readonly lastCall: number;
  closed: boolean;
  /** Firings of keys that had late values; any other key with content in a closed window has fired once. */
  readonly again: Map<Key | undefined, Again>;
}

export interface Again extends Logged {
  readonly frame: Frame;
  readonly key: Key | undefined;
  firing: number;
}

/** Whether a window may have a part. */
export function isIn(part: { readonly pane: number; readonly from: number }, start: number, end: number): boolean {
  return part.pane >= start && part.pane < end && part.from <= start;
}

/** Where a part is, or would be: values mostly come for the last ones. */
export function placeOf(
  parts: readonly { readonly pane: number; readonly from: number }[],
  pane: number,
  from: number,
): number {
  let at = parts.length;
  while (at > 0) {
    const before = parts[at - 1] as { readonly pane: number; readonly from: number };
    if (before.pane < pane || (before.pane === pane && before.from < from)) break;
    at--;
  }
  return at;
}
