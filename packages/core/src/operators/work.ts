import { Batch, MAX_BATCH } from "../stage.js";
import { bare, isBare } from "./guard.js";

const PENDING = 0;
const DONE = 1;
const DROPPED = 2;

/** A batch whose results come one by one. */
export class Work<R = unknown> {
  readonly batch: Batch;
  readonly #results: R[];
  readonly #states: Uint8Array;
  #dropped = 0;
  /** Where the values begin whose results have not left. */
  #from = 0;

  constructor(batch: Batch) {
    this.batch = batch;
    this.#results = new Array<R>(batch.values.length);
    this.#states = new Uint8Array(batch.values.length);
  }

  get size(): number {
    return this.#states.length;
  }

  /** The result of the value at this place. */
  done(place: number, result: R): void {
    this.#results[place] = result;
    this.#states[place] = DONE;
  }

  /** The value at this place has no result. */
  drop(place: number): void {
    this.#states[place] = DROPPED;
    this.#dropped++;
  }

  /** The value that everything behind waits for has its result, or none. */
  get headReady(): boolean {
    return this.#from < this.size && this.#states[this.#from] !== PENDING;
  }

  /** Nothing is left to wait for. */
  get over(): boolean {
    return this.#from === this.size;
  }

  /** How many values were passed by takePrefix(). */
  get taken(): number {
    return this.#from;
  }

  /** The results up to the first that is missing, in the order of the values. */
  takePrefix(): Batch<R> | undefined {
    const from = this.#from;
    let to = from;
    while (to < this.size && this.#states[to] !== PENDING) to++;
    this.#from = to;
    if (to === from) return undefined;
    if (this.#dropped === 0) return this.#range(from, to);
    const places: number[] = [];
    for (let place = from; place < to; place++) if (this.#states[place] === DONE) places.push(place);
    return places.length === 0 ? undefined : this.take(places);
  }

  /** The results of a range, beside the columns of their values. */
  #range(from: number, to: number): Batch<R> {
    if (from === 0 && to === this.size) return this.batch.withValues(this.#results);
    const { batch } = this;
    const values = this.#results.slice(from, to);
    if (isBare(batch)) return bare(values, batch.partition);
    return batch.slice(from, to).withValues(values);
  }

  /** The results of these places, in this order. */
  take(places: readonly number[]): Batch<R> {
    return this.batch.pick(places).withValues(places.map((place) => this.#results[place] as R));
  }

  /** Whether the value at this place has a result, or never will. */
  settled(place: number): boolean {
    return this.#states[place] !== PENDING;
  }

  /** Whether the value at this place has a result. */
  has(place: number): boolean {
    return this.#states[place] === DONE;
  }
}

/** Neighbours of one partition, with the same columns, as one batch of at most MAX_BATCH values. */
export function joinBatches<R>(batches: readonly Batch<R>[]): readonly Batch<R>[] {
  if (batches.length < 2) return batches;
  const joined: Batch<R>[] = [];
  let group: Batch<R>[] = [];
  let size = 0;
  for (const batch of batches) {
    if (group.length > 0 && (size + batch.values.length > MAX_BATCH || !alike(group[0] as Batch<R>, batch))) {
      joined.push(concat(group));
      group = [];
      size = 0;
    }
    group.push(batch);
    size += batch.values.length;
  }
  joined.push(concat(group));
  return joined;
}

function alike(left: Batch, right: Batch): boolean {
  return (
    left.partition === right.partition &&
    (left.times === null) === (right.times === null) &&
    (left.keys === null) === (right.keys === null) &&
    (left.origins === null) === (right.origins === null) &&
    (left.marks === null) === (right.marks === null)
  );
}

function concat<R>(batches: readonly Batch<R>[]): Batch<R> {
  const first = batches[0] as Batch<R>;
  if (batches.length === 1) return first;
  const column = <V>(of: (batch: Batch<R>) => readonly V[] | null): readonly V[] | null =>
    of(first) === null ? null : batches.flatMap((batch) => of(batch) as readonly V[]);
  return new Batch(
    batches.flatMap((batch) => batch.values),
    column((batch) => batch.times),
    column((batch) => batch.keys),
    column((batch) => batch.origins),
    column((batch) => batch.marks),
    first.partition,
  );
}
