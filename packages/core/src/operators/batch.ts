import { durationMs } from "../duration.js";
import type { Key, Origin } from "../element.js";
import { requireCount } from "../errors.js";
import type { BatchPolicy } from "../policy.js";
import { Batch, type Emit, MAX_BATCH, type OperatorSpec, type StageContext } from "../stage.js";
import { KeyedState } from "../state/keyed-state.js";
import { TimeHeap } from "../time/time-heap.js";
import { ALL, KeyedStage } from "./keyed-stage.js";
import { child } from "./outputs.js";

/**
 * Arrays of `size` values, all of them or by key, in order; with `within` a part batch leaves that long after its first value, by the
 * clock. What is held at a checkpoint is saved; a complete end lets the rest out. A batch has the largest event time of its values.
 *
 * A batch of a key cut by size alone has an id, made from its last value's. Any other depends on the clock, or on the order in which
 * partitions were read, and has none.
 */
export function batch(policy: BatchPolicy & { readonly name?: string }, keyed: boolean): OperatorSpec {
  requireCount(policy.size, 1, "batch(): size");
  const withinMs = policy.within === undefined ? undefined : durationMs(policy.within, "batch(): within");
  const replayable = keyed && withinMs === undefined;
  return {
    kind: "batch",
    name: policy.name,
    origins: replayable ? "derive" : "none",
    holdsState: true,
    sequential: true,
    perTask: !keyed,
    reads: { keys: keyed },
    make: (context) => new BatchStage(context, policy, withinMs, keyed, replayable),
  };
}

/** A batch that is not full yet. */
interface Part<T> {
  values: T[];
  /** The largest event time; its value's mark goes with it. */
  time: number | undefined;
  mark: number | undefined;
  /** Of the last value, where it will be the batch's. */
  origin: Origin | undefined;
  /** When its first value came, by the clock. */
  readonly since: number;
  /** Parts begin one after another; a restore keeps that order. */
  readonly order: number;
}

interface Full<T> {
  readonly key: Key;
  readonly part: Part<T>;
}

class BatchStage<T> extends KeyedStage<Part<T>> {
  readonly #size: number;
  readonly #withinMs: number | undefined;
  readonly #replayable: boolean;
  /** Parts by the time they had at first, for the watermark. */
  readonly #earliest = new TimeHeap<Key>();
  #begun = 0;

  constructor(
    context: StageContext,
    policy: BatchPolicy & { readonly name?: string },
    withinMs: number | undefined,
    keyed: boolean,
    replayable: boolean,
  ) {
    super(
      context,
      new KeyedState<Part<T>>({ where: policy.name ?? context.operator, named: policy.name !== undefined }),
      keyed,
    );
    this.#size = policy.size;
    this.#withinMs = withinMs;
    this.#replayable = replayable;
  }

  override restore(entries: Iterable<readonly [key: Uint8Array, value: Uint8Array]>): void {
    super.restore(entries);
    this.state.sort((left, right) => left.state.order - right.state.order);
    for (const [key, { state }] of this.state.cells()) {
      this.#hold(key, state);
      this.#begun = state.order + 1;
    }
  }

  onBatch(input: Batch, emit: Emit): void {
    if (!this.keyed && input.times === null && !(this.#replayable && input.origins !== null)) {
      this.#emit(this.#addAlone(input), emit);
      return;
    }
    const full: Full<T>[] = [];
    for (let i = 0; i < input.values.length; i++) {
      const key = this.keyed ? ((input.keys as readonly Key[])[i] as Key) : ALL;
      const cell = this.state.find(key, Number.NaN);
      const part = cell === undefined ? this.#begin() : cell.state;
      this.#add(part, input, i);
      if (part.values.length >= this.#size) {
        this.state.delete(key);
        full.push({ key, part });
      } else {
        this.write(key, cell, part, Number.NaN, input, i);
        if (cell === undefined) this.#hold(key, part);
      }
    }
    this.#emit(full, emit);
  }

  onTimer(now: number, emit: Emit): void {
    const withinMs = this.#withinMs ?? Number.POSITIVE_INFINITY;
    const due: Full<T>[] = [];
    for (const [key, { state: part }] of this.state.cells()) {
      if (part.since + withinMs > now) {
        this.context.wakeAt(part.since + withinMs);
        break;
      }
      due.push({ key, part });
    }
    for (const { key } of due) this.state.delete(key);
    this.#emit(due, emit);
  }

  onEnd(emit: Emit): void {
    const rest = Array.from(this.state.cells(), ([key, { state }]) => ({ key, part: state }));
    for (const { key } of rest) this.state.delete(key);
    this.#emit(rest, emit);
  }

  /** A part that leaves soon must not find the watermark gone past it. One that may wait for ever must not hold time back. */
  outputWatermark(input: number): number {
    while (this.#earliest.size > 0 && this.#earliest.nextTime <= input) {
      const was = this.#earliest.nextTime;
      const key = this.#earliest.next as Key;
      const time = this.state.find(key, Number.NaN)?.state.time;
      if (time === was) return was - 1;
      this.#earliest.pop();
      if (time !== undefined) this.#earliest.push(time, key);
    }
    return input;
  }

  held(): number {
    let held = 0;
    for (const [, { state }] of this.state.cells()) held += state.values.length;
    return held;
  }

  busy(): boolean {
    return this.#withinMs !== undefined && this.state.size > 0;
  }

  waiting(): string | undefined {
    if (this.state.size === 0) return undefined;
    const until = this.#withinMs === undefined ? "" : ` or for ${this.#withinMs} ms to pass`;
    return `${this.held()} values in ${this.state.size} part batches wait for ${this.#size}${until}`;
  }

  override read(key: Key): unknown {
    return (super.read(key) as Part<T> | undefined)?.values;
  }

  /** Values beside which nothing travels, over all of them: in slices, and the state is touched once. What has become full. */
  #addAlone(input: Batch): readonly Full<T>[] {
    const values = input.values as readonly T[];
    const full: Full<T>[] = [];
    let cell = this.state.find(ALL, Number.NaN);
    let part = cell?.state;
    for (let from = 0; from < values.length; ) {
      part ??= this.#begin();
      const to = Math.min(values.length, from + Math.max(1, this.#size - part.values.length));
      if (part.values.length === 0) part.values = values.slice(from, to);
      else for (let i = from; i < to; i++) part.values.push(values[i] as T);
      from = to;
      if (part.values.length < this.#size) continue;
      full.push({ key: ALL, part });
      part = undefined;
    }
    if (full.length > 0 && cell !== undefined) {
      this.state.delete(ALL);
      cell = undefined;
    }
    if (part !== undefined) {
      this.write(ALL, cell, part, Number.NaN, input, values.length - 1);
      if (cell === undefined) this.#hold(ALL, part);
    }
    return full;
  }

  #begin(): Part<T> {
    return {
      values: [],
      time: undefined,
      mark: undefined,
      origin: undefined,
      since: this.context.clock.now(),
      order: this.#begun++,
    };
  }

  #add(part: Part<T>, { values, times, marks, origins }: Batch, place: number): void {
    part.values.push(values[place] as T);
    const time = times?.[place];
    if (time !== undefined && (part.time === undefined || time > part.time)) {
      part.time = time;
      part.mark = marks?.[place];
    }
    if (this.#replayable) part.origin = origins?.[place];
  }

  /** A part stays behind: its clock runs, and its time holds the watermark. */
  #hold(key: Key, part: Part<T>): void {
    if (this.#withinMs === undefined) return;
    this.context.wakeAt(part.since + this.#withinMs);
    if (part.time !== undefined) this.#earliest.push(part.time, key);
  }

  #emit(full: readonly Full<T>[], emit: Emit): void {
    for (let from = 0; from < full.length; from += MAX_BATCH) {
      if (!emit(this.#batchOf(full.slice(from, from + MAX_BATCH)))) return;
    }
  }

  #batchOf(full: readonly Full<T>[]): Batch<T[]> {
    const parts = full.map(({ part }) => part);
    return new Batch<T[]>(
      parts.map(({ values }) => values),
      columnOf(parts.map(({ time }) => time)),
      this.keyed ? full.map(({ key }) => key) : null,
      columnOf(parts.map(({ origin }) => child(origin, 0))),
      columnOf(parts.map(({ mark }) => mark)),
      undefined,
    );
  }
}

/** A column where every value has one. */
function columnOf<V>(values: readonly (V | undefined)[]): readonly V[] | null {
  return values.every((value) => value !== undefined) ? (values as readonly V[]) : null;
}
