import type { Key } from "../element.js";
import { requireArgument } from "../errors.js";
import type { Batch } from "../stage.js";
import { type Aggregate, TwoStepAggregate } from "./aggregate.js";

/** What to make of the values of a window, as the user said it. */
export type WindowContent<T, R> =
  | { readonly kind: "aggregate"; readonly aggregates: Readonly<Record<string, Aggregate<T, any, any>>> }
  | { readonly kind: "reduce"; readonly fn: (left: T, right: T) => T }
  | {
      readonly kind: "fold";
      readonly initial: () => R;
      readonly fn: (accumulator: R, value: T) => R;
      readonly merge?: ((left: R, right: R) => R) | undefined;
    }
  | { readonly kind: "collect" }
  | { readonly kind: "count" };

/**
 * How values become results, for the engine. `add` and `merge` may change and return their first argument; where `add` throws, nothing was
 * changed. Without `merge` windows can not share parts.
 */
export interface Content<T, A, R> {
  init(): A;
  /** Adds the value at `place`; `time` is by the windows' clock. */
  add(accumulator: A, batch: Batch<T>, place: number, time: number, input: number): A;
  readonly merge: ((left: A, right: A) => A) | undefined;
  result(accumulator: A, key: Key | undefined, start: number, end: number): R;
}

/** The content a description stands for. Throws `E_ARGUMENT` for what is no function. */
export function contentOf<T>(described: WindowContent<T, unknown>, what: string): Content<T, unknown, unknown> {
  switch (described.kind) {
    case "aggregate":
      return aggregateContent(described.aggregates, what) as Content<T, unknown, unknown>;
    case "reduce":
      requireFunction(described.fn, `${what}: reduce()`);
      return reduceContent(described.fn) as Content<T, unknown, unknown>;
    case "fold":
      requireFunction(described.initial, `${what}: the first argument of fold()`);
      requireFunction(described.fn, `${what}: the second argument of fold()`);
      if (described.merge !== undefined) requireFunction(described.merge, `${what}: the third argument of fold()`);
      return {
        init: described.initial,
        add: (accumulator, { values }, place) => described.fn(accumulator, values[place] as T),
        merge: described.merge,
        result: (accumulator) => accumulator,
      };
    case "collect":
      return collectContent<T>() as Content<T, unknown, unknown>;
    default:
      return countContent as Content<T, unknown, unknown>;
  }
}

function requireFunction(fn: unknown, what: string): void {
  requireArgument(typeof fn === "function", `${what} must be a function; it is ${typeof fn}`);
}

const countContent: Content<unknown, number, number> = {
  init: () => 0,
  add: (count) => count + 1,
  merge: (left, right) => left + right,
  result: (count) => count,
};

/** The accumulator is empty until the first value. */
function reduceContent<T>(fn: (left: T, right: T) => T): Content<T, T[], T> {
  return {
    init: () => [],
    add: (held, { values }, place) => {
      const value = values[place] as T;
      held[0] = held.length === 0 ? value : fn(held[0] as T, value);
      return held;
    },
    merge: (left, right) => {
      if (right.length > 0) left[0] = left.length === 0 ? (right[0] as T) : fn(left[0] as T, right[0] as T);
      return left;
    },
    result: (held) => held[0] as T,
  };
}

/** Values with their times by the window's clock, in the order they came. */
export interface Collected<T> {
  readonly values: T[];
  readonly times: number[];
}

export function collectContent<T>(): Content<T, Collected<T>, T[]> {
  return {
    init: () => ({ values: [], times: [] }),
    add: (held, { values }, place, time) => {
      held.values.push(values[place] as T);
      held.times.push(time);
      return held;
    },
    merge: (left, right) => {
      for (const value of right.values) left.values.push(value);
      for (const time of right.times) left.times.push(time);
      return left;
    },
    result: byTime,
  };
}

/** A copy of the values in the order of their times, ties as they came. */
export function byTime<T>({ values, times }: Collected<T>): T[] {
  for (let i = 1; i < times.length; i++) {
    if ((times[i] as number) < (times[i - 1] as number)) return orderByTime(times).map((place) => values[place] as T);
  }
  return values.slice();
}

/** The places of times in ascending order, ties as they are. */
export function orderByTime(times: readonly number[]): number[] {
  return times.map((_, place) => place).sort((left, right) => (times[left] as number) - (times[right] as number));
}

/** A record of aggregates as one: an accumulator each, in a list. All functions of the user are called before anything is changed. */
function aggregateContent<T>(
  aggregates: Readonly<Record<string, Aggregate<T, any, any>>>,
  what: string,
): Content<T, unknown[], Record<string, unknown>> {
  const names = Object.keys(aggregates);
  const parts = names.map((name) =>
    twoStep(aggregates[name] as Aggregate<T, any, any>, `${what}: aggregate "${name}"`),
  );
  requireArgument(parts.length > 0, `${what}: aggregate() needs at least one aggregate`);
  const read = new Array<unknown>(parts.length);
  return {
    init: () => parts.map((part) => part.init()),
    add: (held, { values }, place, time) => {
      const value = values[place] as T;
      for (let i = 0; i < parts.length; i++) read[i] = (parts[i] as Part<T>).read(value, held[i]);
      for (let i = 0; i < parts.length; i++) held[i] = (parts[i] as Part<T>).put(held[i], read[i], time);
      return held;
    },
    merge: (left, right) => {
      for (let i = 0; i < parts.length; i++) left[i] = (parts[i] as Part<T>).merge(left[i], right[i]);
      return left;
    },
    result: (held) => {
      const result: Record<string, unknown> = {};
      for (let i = 0; i < parts.length; i++) result[names[i] as string] = (parts[i] as Part<T>).result(held[i]);
      return result;
    },
  };
}

interface Part<T> {
  readonly init: () => unknown;
  readonly read: (value: T, held: unknown) => unknown;
  readonly put: (held: unknown, read: unknown, time: number) => unknown;
  readonly merge: (left: unknown, right: unknown) => unknown;
  readonly result: (held: unknown) => unknown;
}

function twoStep<T>(aggregate: Aggregate<T, any, any>, what: string): Part<T> {
  if (aggregate instanceof TwoStepAggregate) return aggregate as unknown as Part<T>;
  for (const name of ["init", "add", "merge", "result"] as const) requireFunction(aggregate[name], `${what}: ${name}`);
  return {
    init: () => aggregate.init(),
    read: (value, held) => aggregate.add(held, value),
    put: (_, added) => added,
    merge: (left, right) => aggregate.merge(left, right),
    result: (held) => aggregate.result(held),
  };
}
