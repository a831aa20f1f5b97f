import type { Key } from "../element.js";
import type { Content } from "./content.js";
import type { NumericContent } from "./numeric-parts.js";
import type { Pair } from "./pair.js";
import type { ResultShape } from "./results.js";
import type { TimeSpan, WindowClock } from "./window.js";
import type { FiringPlan } from "./window-policy.js";

/** What a window stage is made from. */
export interface WindowSetup<T, A> {
  /** The operator's name, for errors. */
  readonly where: string;
  /** False: no checkpoint can save it, so it may hold anything. */
  readonly named: boolean;
  readonly keyed: boolean;
  readonly clock: WindowClock | "count";
  readonly content: Content<T, A, unknown>;
  /** The content as numbers in rows, where it is that. */
  readonly numbers?: NumericContent<T> | undefined;
  readonly plan: FiringPlan;
  readonly shape: ResultShape;
  /** What a pair of a "spread" result becomes. */
  readonly spread?: (pair: Pair, key: Key | undefined, window: TimeSpan) => unknown;
  /** Throws when a window holds more than it may. */
  readonly limit?: (accumulator: A, key: Key | undefined) => void;
}

/** What one window of a key holds, and when that is to be fired early. */
export interface Holding<A> {
  accumulator: A;
  /** Values since the last firing. */
  added: number;
  /** When it fires early by the clock; undefined: not. */
  dueAt: number | undefined;
  readonly gone: boolean;
}

/** A window and what it holds so far: for `read()`. */
export interface OpenWindow {
  readonly window: TimeSpan;
  readonly value: unknown;
}

/** In words, what a window waits for; undefined for a count window, which waits for values. */
export function waitingText(
  { clock, plan }: Pick<WindowSetup<never, never>, "clock" | "plan">,
  { window, keys }: { readonly window: TimeSpan; readonly keys: number },
  watermark: number,
): string | undefined {
  if (clock === "count") return undefined;
  const what = `window [${text(window.start)}, ${text(window.end)}) of ${keys === 1 ? "1 key" : `${keys} keys`}`;
  if (clock === "processing") return `${what} waits for the clock to reach its end`;
  const until = window.end - 1 + (plan.final ? plan.latenessMs : 0);
  const at = watermark === Number.NEGATIVE_INFINITY ? "there is none yet" : `it is at ${text(watermark)}`;
  return `${what} waits for the watermark to reach ${text(until)}; ${at}`;
}

function text(time: number): string {
  return Math.abs(time) <= 8.64e15 ? new Date(time).toISOString() : String(time);
}
