import type { Clock, DeadLetter, Late, Lookup, Sink, Stream } from "../src/index.js";

/** What flows in a random topology. */
export interface Value {
  /** Says where it comes from and what was done with it. */
  readonly id: string;
  readonly n: number;
  readonly t: number;
}

/** A value that must come, with what the engine knows of it: a mark is the watermark of its partition, where that had passed it. */
export interface Row {
  readonly value: Value;
  readonly time: number;
  readonly mark: number;
}

/** A stream beside all the values that must come out of it. */
export interface Node {
  readonly stream: Stream<Value>;
  readonly rows: readonly Row[];
  /** The rows come in this order, however the run is scheduled, so that what depends on the order may stand below. */
  readonly ordered: boolean;
  /** Its times and marks do not depend on the schedule, so that windows and joins may stand below. */
  readonly timed: boolean;
}

/** What all operators of one topology share. */
export interface Workshop {
  readonly clock: Clock;
  readonly random: () => number;
  /** A whole number from 0 to below this. */
  below(count: number): number;
  pick<T>(choices: readonly T[]): T;
  /** A name that is used once. */
  name(kind: string): string;
  /** A sink of its own for late values, which must be these. */
  late(name: string, rows: readonly Row[]): Sink<Late<Value>>;
  /** A sink of its own for dead letters, which must be of these values. */
  dead(name: string, rows: readonly Row[]): Sink<DeadLetter<Value>>;
  /** A branch ends here, with exactly these values. "replaced": values of one id come several times, and the last one counts. */
  finish(stream: Stream<Value>, values: readonly Value[], how?: "replaced"): void;
}

/** An operator that a random topology may have: how it is put on a stream, and what must come out, by a few lines on arrays. */
export interface Operator {
  readonly kind: string;
  /** Whether it may stand on this node (and, with `two`, on this other one). */
  needs(node: Node, other: Node): boolean;
  readonly two?: boolean;
  /** The nodes it makes; none where its results end in a sink at once. */
  add(workshop: Workshop, node: Node, other: Node): readonly Node[];
}

/** A key out of this many. */
export function byN(keys: number): (value: Value) => number {
  return ({ n }) => n % keys;
}

/** A node whose rows come from one value each. */
export function each(node: Node, stream: Stream<Value>, results: (value: Value) => readonly Value[]): Node {
  return { ...node, stream, rows: node.rows.flatMap((row) => results(row.value).map((value) => ({ ...row, value }))) };
}

/** A node in which each row follows from the result before it and the value, by key. */
export function rolling(
  node: Node,
  stream: Stream<Value>,
  key: (value: Value) => number,
  step: (before: Value | undefined, value: Value) => Value,
): Node {
  const states = new Map<number, Value>();
  const rows = node.rows.map((row): Row => {
    const next = step(states.get(key(row.value)), row.value);
    states.set(key(row.value), next);
    return { ...row, value: next };
  });
  return { ...node, stream, rows };
}

/** Whether a row's place among those of its key is wanted. For filter(). */
export function nth(key: (value: Value) => number, wanted: (place: number) => boolean): (row: Row) => boolean {
  const places = new Map<number, number>();
  return ({ value }) => {
    const place = places.get(key(value)) ?? 0;
    places.set(key(value), place + 1);
    return wanted(place);
  };
}

export function groups(rows: readonly Row[], key: (value: Value) => number): Map<number, Row[]> {
  const found = new Map<number, Row[]>();
  for (const row of rows) found.set(key(row.value), [...(found.get(key(row.value)) ?? []), row]);
  return found;
}

/** A table that takes its time to answer. */
export function slowTable(name: string, clock: Clock): Lookup<number, number> {
  return {
    name,
    fetch: async (keys) => {
      await later(clock, (keys.length % 5) + 1);
      return new Map(keys.filter((key) => key % 4 !== 0).map((key) => [key, key * 100]));
    },
  };
}

/** Resolves when the clock has gone on so long. */
export function later(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.schedule(clock.now() + ms, resolve);
  });
}
