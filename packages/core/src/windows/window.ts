import { type Duration, durationMs, durationOrZeroMs, type SignedDuration } from "../duration.js";
import type { Key } from "../element.js";
import { requireArgument } from "../errors.js";

/** From `start` up to, not including, `end`: ms since the epoch, or numbers of values for a count window. */
export interface TimeSpan {
  readonly start: number;
  readonly end: number;
}

/** A result of a window. */
export interface Windowed<out K, out V> {
  /** undefined on an un-keyed stream. */
  readonly key: K;
  readonly window: TimeSpan;
  readonly value: V;
  /** "early": before the window's end; "onTime": because its end was reached; "late": again, for a late but allowed value. */
  readonly timing: "early" | "onTime" | "late";
  /** How many results of this window came before it. */
  readonly firing: number;
  /**
   * A merged session lists the windows already fired that this result replaces. One that grows behind its partition's watermark also lists
   * the window it was even if this run has not fired it: before a crash it may have.
   */
  readonly replaces?: readonly TimeSpan[];
}

/** A value that came too late for all its windows, or for a join. */
export interface Late<out T> {
  readonly value: T;
  readonly key: Key | undefined;
  /** Its event time. */
  readonly time: number;
  /** How far, in ms, the watermark it is judged by had passed its time. */
  readonly lateBy: number;
  /** The windows it would have been in; none where a join looks at times only. */
  readonly windows: readonly TimeSpan[];
}

/**
 * How values are put into windows: made by `tumbling()`, `sliding()`, `session()` or `countWindow()`. `merging`: a value can join windows
 * into one, so a fold over them needs `merge`.
 */
export interface WindowSpec<out Merging extends boolean = boolean> {
  readonly kind: string;
  readonly merging: Merging;
}

/** What a join takes for its time: a window over both sides, or bounds of `right time − left time`, both included. */
export type JoinWindow = WindowSpec | { readonly between: readonly [from: SignedDuration, to: SignedDuration] };

/**
 * When a window gives results, and how long it takes late values. The target for late values is added where streams are described.
 *
 * @example
 * ```ts
 * import { from, tumbling } from "@millrace/core";
 * const live = from([{ at: 0 }])
 *   .eventTime((e) => e.at)
 *   .window("hourly", tumbling({ size: "1h" }), { allowedLateness: "5m", early: { every: "10s" } })
 *   .count(); // every 10 s while values come, at the end of the hour, and again for each value up to 5 minutes late
 * ```
 */
export interface WindowPolicy {
  /** How long after its end, by event time, a window still takes values. Default 0. */
  readonly allowedLateness?: Duration;
  /** "each" (default): on time, then again for every late value; "final": once, at end + allowedLateness. */
  readonly emit?: "each" | "final";
  /**
   * Results before the window's end, whenever its content changed: `every` so long after the first value since the last result by the
   * processing clock (default), or at start + k·every by event time; `count`: after so many values.
   */
  readonly early?: { readonly every: Duration; readonly clock?: "event" | "processing" } | { readonly count: number };
  /** "accumulating" (default): a result holds everything so far; "discarding": only what came since the last result. */
  readonly firings?: "accumulating" | "discarding";
}

/** A window's arithmetic, by its kind. */
export type WindowShape =
  | {
      readonly kind: "aligned";
      readonly clock: WindowClock;
      readonly sizeMs: number;
      readonly slideMs: number;
      readonly offsetMs: number;
    }
  | { readonly kind: "session"; readonly clock: WindowClock; readonly gapMs: number }
  | { readonly kind: "count"; readonly size: number; readonly step: number };

export type WindowClock = "event" | "processing";

const shapes = new WeakMap<WindowSpec, WindowShape>();

/** A spec for users that hides its shape. */
export function windowSpec<M extends boolean>(kind: string, merging: M, shape: WindowShape): WindowSpec<M> {
  const spec = Object.freeze({ kind, merging });
  shapes.set(spec, shape);
  return spec;
}

/** What a spec stands for. Throws `E_ARGUMENT` for an object that no window function made. */
export function shapeOf(spec: WindowSpec, what: string): WindowShape {
  const shape = shapes.get(spec);
  requireArgument(
    shape !== undefined,
    `${what}: the window must be made by tumbling(), sliding(), session() or countWindow()`,
  );
  return shape;
}

/** Whole milliseconds above zero. Throws `E_DURATION`, `E_ARGUMENT`. */
export function wholeMs(duration: Duration, what: string): number {
  return whole(durationMs(duration, what), what);
}

/** Whole milliseconds from zero. Throws `E_DURATION`, `E_ARGUMENT`. */
export function wholeOrZeroMs(duration: Duration, what: string): number {
  return whole(durationOrZeroMs(duration, what), what);
}

function whole(ms: number, what: string): number {
  requireArgument(Number.isSafeInteger(ms), `${what} must be whole milliseconds, as event times are; it is ${ms}`);
  return ms;
}

/** The clock of a spec, checked. */
export function windowClock(clock: WindowClock | undefined, what: string): WindowClock {
  requireArgument(
    clock === undefined || clock === "event" || clock === "processing",
    `${what}: clock must be "event" or "processing"; it is ${JSON.stringify(clock)}`,
  );
  return clock ?? "event";
}
