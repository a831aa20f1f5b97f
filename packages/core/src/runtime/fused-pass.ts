import type { Step } from "../stage.js";

/** Which places a loop must note beside its results. */
export interface Tracking {
  /** From which value of the batch each result comes: something travels beside the values, and they are not one for one. */
  readonly places: boolean;
  /** Which output of its flatMap each result is, for each flatMap: the ids of results are made from it. */
  readonly children: boolean;
}

/** One batch on its way through a loop: what the loop leaves behind, and whom it tells. */
export interface Pass {
  /** The steps of this run: a loop may be shared by several, but not what their folds hold. */
  readonly steps: readonly Step[];
  /** Results that have not left yet: the first `size` of it. */
  out: unknown[];
  size: number;
  /** Beside each result the place of its value in the batch, and by flatMap the number of the output. */
  places: number[];
  children: number[][];
  /** How many values have left each step that is not one for one. */
  readonly left: number[];
  /** Emits the results before `current`, or all if there are none; how many stay, or -1: nobody wants more. */
  leave(current: number): number;
  /** A function of this step failed on this value. `path`: its place in the batch, then the number of the output of each flatMap above. */
  failed(error: unknown, step: number, value: unknown, path: readonly number[]): void;
}

/** Takes all values through all steps. */
export type Loop = (values: readonly unknown[], pass: Pass) => void;

/** Makes a loop of steps. */
export type LoopMaker = (steps: readonly Step[], tracking: Tracking) => Loop;

/** Where no function of a step is running: what is thrown then is no failure of a step. */
export const OUTSIDE = -1;

/** The values of an iterable in arrays of at most `size`: an array is complete before any of its values is looked at. */
export function* inChunks(values: Iterable<unknown>, size: number): Generator<unknown[], null> {
  let chunk: unknown[] = [];
  for (const value of values) {
    if (chunk.length === size) {
      yield chunk;
      chunk = [];
    }
    chunk.push(value);
  }
  if (chunk.length > 0) yield chunk;
  return null;
}

/** Any number of results can come from one value. */
export function multiplies(steps: readonly Step[]): boolean {
  return steps.some(({ kind }) => kind === "flatMap");
}

/** Results are values of the batch as they are. */
export function looksOn(steps: readonly Step[]): boolean {
  return steps.every(({ kind }) => kind === "filter" || kind === "tap" || kind === "pass");
}

/** Each value gives exactly one result, unless it fails. */
export function keepsEach(steps: readonly Step[]): boolean {
  return steps.every(({ kind }) => kind !== "flatMap" && kind !== "filter" && kind !== "newest");
}
