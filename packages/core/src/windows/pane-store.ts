import type { Key } from "../element.js";
import type { Batch, StateChange } from "../stage.js";
import type { ResultWriter } from "./results.js";
import type { TimeSpan, Windowed } from "./window.js";

/** What became of a value: it was added; the user's function failed on it; or it does not fit, and a general store has to take it. */
export type Put = "added" | "failed" | "unfit";

/** What a pane store needs of its stage. */
export interface PaneHost<A> {
  /** The key of a value, undefined in an un-keyed window, and its time by the windows' clock. */
  keyOf(batch: Batch, place: number): Key | undefined;
  timeOf(batch: Batch, place: number): number;
  fail(error: unknown, batch: Batch, place: number): void;
  /** A piece of state begins with a value; `key` is undefined where the key is known already. */
  begin(piece: { readonly accumulator: A } | undefined, key: Key | undefined, batch: Batch, place: number): void;
  checkLimit(accumulator: A, key: Key | undefined): void;
  /** Where results that are there go. */
  readonly results: Pick<ResultWriter, "of" | "push">;
  /** A result of an accumulator. */
  fire(accumulator: A, key: Key | undefined, window: TimeSpan, timing: Timing, firing: number): void;
  encode(stamp: number, state: unknown): Uint8Array;
}

export type Timing = Windowed<unknown, unknown>["timing"];

/**
 * What keys have in panes. A value that is late for the first windows over its pane counts for the later ones only: it is put `from` the
 * first window that may have it (-Infinity: all of them may).
 */
export interface PaneStore<T, A> {
  /** Puts the values of a batch from place `from` up to `to`, all of one pane and in time for every window over it. Returns where one did not fit. */
  putRun(batch: Batch<T>, from: number, to: number, pane: number, input: number): number;
  put(
    batch: Batch<T>,
    place: number,
    time: number,
    pane: number,
    from: number,
    key: Key | undefined,
    input: number,
  ): Put;
  /** Whether a key has anything in a window. */
  has(key: Key | undefined, window: TimeSpan): boolean;
  /** Fires a window for every key that has something in it. False: the numbers do not fit; nothing was fired. */
  fireAll(window: TimeSpan, timing: Timing): boolean;
  /** Fires a window for one key. */
  fireOne(key: Key | undefined, window: TimeSpan, timing: Timing, firing: number): void;
  /** What a key has in a window, if anything, in a box: an accumulator may be undefined itself. */
  combine(key: Key | undefined, window: TimeSpan): { readonly held: A } | undefined;
  /** Forgets all panes that begin before a time. */
  free(before: number): void;
  /** Values in all panes. */
  held(): number;
  /** How many keys have something in a window. */
  keysIn(window: TimeSpan): number;
  changes(): StateChange[];
  committed(): void;
  /** A piece of state from a checkpoint; false: the numbers do not fit. */
  load(pane: number, from: number, key: Key | undefined, accumulator: A, added: number): boolean;
  /** The same as a store that takes anything. */
  general(): PaneStore<T, A>;
}
