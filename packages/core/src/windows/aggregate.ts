import type { Key } from "../element.js";
import { averageFold, type ColumnFold, countFold, extremeFold, sumFold } from "./column-fold.js";
import { addExact, type ExactSum, mergeExact, sumOf, ZERO } from "./exact-sum.js";

/**
 * How values become one result. `add` and `merge` may change and return their first argument and must leave the second one alone. The
 * accumulator goes into checkpoints: plain objects and arrays, Date, Map, Set, bigint, typed arrays. For results that do not depend on the
 * order in which values come, `add` and `merge` must not either.
 *
 * @example
 * ```ts
 * import { type Aggregate, from, tumbling } from "@millrace/core";
 * const product: Aggregate<number, number, number> = {
 *   init: () => 1,
 *   add: (held, value) => held * value,
 *   merge: (left, right) => left * right,
 *   result: (held) => held,
 * };
 * from([2, 3]).eventTime((n) => n).window("w", tumbling({ size: 10 })).aggregate((by) => ({ product: by.of(product), n: by.count() }));
 * ```
 */
export interface Aggregate<T, A, R> {
  init(): A;
  add(accumulator: A, value: T): A;
  merge(left: A, right: A): A;
  result(accumulator: A): R;
}

/** The aggregates there are, and `of` for one's own. */
export interface Aggregates<T> {
  count(): Aggregate<T, any, number>;
  /** Exact: the sum of the numbers, rounded once, in whatever order they came. */
  sum(fn: (value: T) => number): Aggregate<T, any, number>;
  /** The exact sum, divided by the count. */
  average(fn: (value: T) => number): Aggregate<T, any, number | undefined>;
  min(fn: (value: T) => number): Aggregate<T, any, number | undefined>;
  max(fn: (value: T) => number): Aggregate<T, any, number | undefined>;
  /** The value with the earliest time by the window's clock; of equal ones the one that came first. */
  first(): Aggregate<T, any, T>;
  /** The value with the latest time by the window's clock; of equal ones the one that came last. */
  last(): Aggregate<T, any, T>;
  /** How many different keys `fn` gives. All of them are kept while the window is open. */
  distinct(fn: (value: T) => Key): Aggregate<T, any, number>;
  of<A, R>(spec: Aggregate<T, A, R>): Aggregate<T, A, R>;
}

/** What a record of aggregates gives. */
export type Results<A> = { [Name in keyof A]: A[Name] extends Aggregate<any, any, infer R> ? R : never };

/**
 * An aggregate in two steps, so that a user's function that throws leaves nothing half done: `read` may throw and changes nothing, `put`
 * does not throw.
 */
export class TwoStepAggregate<T, X, A, R> implements Aggregate<T, A, R> {
  readonly init: () => A;
  readonly read: (value: T) => X;
  readonly put: (accumulator: A, read: X, time: number) => A;
  readonly merge: (left: A, right: A) => A;
  readonly result: (accumulator: A) => R;
  /** The same for accumulators that are numbers in a row. */
  readonly column: ColumnFold | undefined;

  constructor(parts: {
    readonly init: () => A;
    readonly read: (value: T) => X;
    readonly put: (accumulator: A, read: X, time: number) => A;
    readonly merge: (left: A, right: A) => A;
    readonly result: (accumulator: A) => R;
    readonly column?: ColumnFold;
  }) {
    this.init = parts.init;
    this.read = parts.read;
    this.put = parts.put;
    this.merge = parts.merge;
    this.result = parts.result;
    this.column = parts.column;
  }

  add(accumulator: A, value: T): A {
    return this.put(accumulator, this.read(value), 0);
  }
}

const itself = <V>(value: V): V => value;

/** The builder handed to `aggregate()`. */
export function aggregates<T>(): Aggregates<T> {
  return {
    count: () =>
      new TwoStepAggregate<T, T, number, number>({
        init: () => 0,
        read: itself,
        put: (count) => count + 1,
        merge: (left, right) => left + right,
        result: itself,
        column: countFold,
      }),
    sum: (fn) =>
      new TwoStepAggregate<T, number, ExactSum, number>({
        init: () => ZERO,
        read: numberOf("sum", fn),
        put: addExact,
        merge: mergeExact,
        result: sumOf,
        column: sumFold,
      }),
    average,
    min: (fn) => extreme("min", fn),
    max: (fn) => extreme("max", fn),
    first: () => byTime((time, than) => time < than),
    last: () => byTime((time, than) => time >= than),
    distinct: (fn) =>
      new TwoStepAggregate<T, Key, Set<Key>, number>({
        init: () => new Set(),
        read: fn,
        put: (seen, key) => seen.add(key),
        merge: (left, right) => {
          for (const key of right) left.add(key);
          return left;
        },
        result: (seen) => seen.size,
      }),
    of: (spec) => spec,
  };
}

/** What is no number would make a result that is none, far away from here. */
function numberOf<T>(name: string, fn: (value: T) => number): (value: T) => number {
  return (value) => {
    const number = fn(value);
    if (typeof number !== "number")
      throw new TypeError(
        `by.${name}() needs a number of each value; it got ${number === null ? "null" : typeof number}`,
      );
    return number;
  };
}

type Mean = [count: number, sum: ExactSum];

function average<T>(fn: (value: T) => number): Aggregate<T, Mean, number | undefined> {
  return new TwoStepAggregate<T, number, Mean, number | undefined>({
    init: () => [0, ZERO],
    read: numberOf("average", fn),
    put: (mean, number) => {
      mean[0]++;
      mean[1] = addExact(mean[1], number);
      return mean;
    },
    merge: (left, right) => {
      left[0] += right[0];
      left[1] = mergeExact(left[1], right[1]);
      return left;
    },
    result: ([count, sum]) => (count === 0 ? undefined : sumOf(sum) / count),
    column: averageFold,
  });
}

function extreme<T>(
  kind: "min" | "max",
  fn: (value: T) => number,
): Aggregate<T, number | undefined, number | undefined> {
  const pick = Math[kind];
  const put = (held: number | undefined, number: number): number => (held === undefined ? number : pick(held, number));
  return new TwoStepAggregate<T, number, number | undefined, number | undefined>({
    init: () => undefined,
    read: numberOf(kind, fn),
    put,
    merge: (left, right) => (right === undefined ? left : put(left, right)),
    result: itself,
    column: extremeFold(kind),
  });
}

type Timed<T> = [] | [time: number, value: T];

function byTime<T>(wins: (time: number, than: number) => boolean): Aggregate<T, Timed<T>, T> {
  return new TwoStepAggregate<T, T, Timed<T>, T>({
    init: () => [],
    read: itself,
    put: (held, value, time) => (held.length === 0 || wins(time, held[0]) ? [time, value] : held),
    merge: (left, right) => {
      if (left.length === 0 || right.length === 0) return left.length === 0 ? right : left;
      return wins(right[0], left[0]) ? right : left;
    },
    result: (held) => held[1] as T,
  });
}
