import type { Batch } from "../stage.js";
import type { ColumnFold } from "./column-fold.js";

/** Content that is numbers only: each accumulator is a row of doubles, the first of them how many values it holds (0: none, and the rest means nothing). */
export interface NumericContent<T> {
  /** Doubles of a row. */
  readonly width: number;
  /** Adds the value at `place` of a batch; false: the numbers do not fit, and nothing changed. May throw before anything changed. */
  add(rows: Float64Array, at: number, batch: Batch<T>, place: number): boolean;
  /** Adds the first `slots` rows to the totals of their ids (undefined: slot = id). False: the numbers do not fit, and the totals are spoilt. */
  addUp(totals: Float64Array, rows: Float64Array, slots: number, ids: readonly number[] | undefined): boolean;
  result(rows: Float64Array, at: number): unknown;
  /** From and to the general accumulator. */
  pack(accumulator: unknown, count: number, rows: Float64Array, at: number): boolean;
  unpack(rows: Float64Array, at: number): unknown;
}

/** One aggregate of a record: where its doubles are, and what it reads from a value (undefined: it only counts). */
export interface NumericPart<T> {
  readonly name: string;
  readonly fold: ColumnFold;
  readonly read: ((value: T) => number) | undefined;
  readonly offset: number;
}

/** A record of numbers by functions, and the two of them that generated code falls back on. */
export interface ComposedNumbers<T> extends NumericContent<T> {
  /** Adds numbers that were read, one for each aggregate. */
  addRead(rows: Float64Array, at: number, read: Float64Array): boolean;
  /** Adds one row to another. False: the numbers do not fit, and the row is spoilt. */
  merge(rows: Float64Array, at: number, from: Float64Array, place: number): boolean;
}
