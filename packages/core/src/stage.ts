import type { Clock, Logger } from "./connector.js";
import type { Key, Origin } from "./element.js";

/**
 * Values in order, as columns: `times[i]`, `keys[i]`, `origins[i]` and `marks[i]` belong to `values[i]`; a column is null where
 * nothing below reads it. `marks[i]` is the watermark of the value's own partition just before it where the value came at or
 * behind it, else NaN. All values of a batch come from one source partition until a merge. Columns are shared between branches
 * and must not be changed.
 */
export class Batch<out T = unknown> {
  readonly kind = "batch";
  readonly values: readonly T[];
  readonly times: readonly number[] | null;
  readonly keys: readonly Key[] | null;
  readonly origins: readonly Origin[] | null;
  readonly marks: readonly number[] | null;
  readonly partition: string | undefined;

  constructor(
    values: readonly T[],
    times: readonly number[] | null,
    keys: readonly Key[] | null,
    origins: readonly Origin[] | null,
    marks: readonly number[] | null,
    partition: string | undefined,
  ) {
    this.values = values;
    this.times = times;
    this.keys = keys;
    this.origins = origins;
    this.marks = marks;
    this.partition = partition;
  }

  /** The same columns beside other values, one for one. */
  withValues<U>(values: readonly U[]): Batch<U> {
    return new Batch(values, this.times, this.keys, this.origins, this.marks, this.partition);
  }

  /** The values at these places, in this order, with their columns. */
  pick(places: readonly number[]): Batch<T> {
    return new Batch(
      gather(this.values, places),
      pickColumn(this.times, places),
      pickColumn(this.keys, places),
      pickColumn(this.origins, places),
      pickColumn(this.marks, places),
      this.partition,
    );
  }

  /** The values from `from` up to, not including, `to`, with their columns. */
  slice(from: number, to: number): Batch<T> {
    if (from === 0 && to >= this.values.length) return this;
    return new Batch(
      this.values.slice(from, to),
      this.times?.slice(from, to) ?? null,
      this.keys?.slice(from, to) ?? null,
      this.origins?.slice(from, to) ?? null,
      this.marks?.slice(from, to) ?? null,
      this.partition,
    );
  }
}

function pickColumn<V>(column: readonly V[] | null, places: readonly number[]): V[] | null {
  return column === null ? null : gather(column, places);
}

function gather<V>(column: readonly V[], places: readonly number[]): V[] {
  const out = new Array<V>(places.length);
  for (let i = 0; i < places.length; i++) out[i] = column[places[i] as number] as V;
  return out;
}

/** No more values with time ≤ `time` are expected; `idle`: this input does not hold others back. */
export interface Watermark {
  readonly kind: "watermark";
  readonly time: number;
  readonly idle: boolean;
}
/** Everything before it belongs to the epoch. */
export interface Barrier {
  readonly kind: "barrier";
  readonly epoch: number;
}
/**
 * How an input ends. "complete": for ever, so open windows fire and buffers leave; "stopped": what is open stays in state; "fired": as stopped, but
 * the windows that stay also give what they hold, as early results.
 */
export type EndKind = "complete" | "stopped" | "fired";
/** No more input. */
export interface End {
  readonly kind: "end";
  readonly how: EndKind;
}
/** What a source knows of one of its partitions, for the event-time operator below: there, read to its end for now, or gone. */
export interface PartitionStatus {
  readonly kind: "partition";
  readonly partition: string;
  readonly status: "assigned" | "caughtUp" | "ended";
}
/** What travels between stages, in band and in order. */
export type Item = Batch | Watermark | Barrier | End | PartitionStatus;

/** At most so many values are emitted at once: 1→n operators and firing windows cut their output here. */
export const MAX_BATCH = 1_024;

/** Output numbers of a stage. Branch i ≥ 1 of a split or round robin is `BRANCH + i - 1`; branch 0 is `MAIN`. */
export const MAIN = 0;
export const LATE = 1;
export const ERROR = 2;
export const BRANCH = 3;

/** Hands a batch to an output (default `MAIN`). False: nobody below wants more of it. */
export type Emit = (batch: Batch, output?: number) => boolean;

/** A changed entry of a stage's state: undefined = deleted. */
export type StateChange = readonly [key: Uint8Array, value: Uint8Array | undefined];

/**
 * What an operator without state by key does to one value, so that the runtime can run several of them as one loop. What its functions
 * throw is a failure of that operator on that value; the loop does the rest as the stage's own `onBatch` would.
 */
export type Step =
  /** One for one. `refuse` makes the error for a promise, which a synchronous function can not mean. */
  | {
      readonly kind: "map";
      readonly fn: (value: never) => unknown;
      readonly refuse: (result: Promise<unknown>) => Error;
    }
  /** Only those for which `fn` holds. */
  | { readonly kind: "filter"; readonly fn: (value: never) => boolean }
  /** The value itself, after `fn` has seen it. */
  | { readonly kind: "tap"; readonly fn: (value: never) => void }
  /** Any number for one; `iterate` takes a result that is no array, and throws where it can not be iterated. */
  | {
      readonly kind: "flatMap";
      readonly fn: (value: never) => unknown;
      readonly iterate: (result: unknown) => Iterable<unknown>;
    }
  /** The accumulator after each value; the first value is its own where nothing is held. `save` is called once a batch. */
  | {
      readonly kind: "fold";
      readonly fn: (accumulator: never, value: never) => unknown;
      readonly load: () => { readonly state: unknown } | undefined;
      readonly save: (accumulator: unknown) => void;
    }
  /** Only the newest of a batch; nothing comes behind it in a loop. */
  | { readonly kind: "newest" }
  | { readonly kind: "pass" };

/**
 * A running step: the runtime's only contract. Synchronous, but for stages whose spec says `async`: those stand at the head of their
 * own chain, emit through `context.emit` at any time until `onEnd` resolves, and pass watermarks on themselves.
 */
export interface Stage {
  onBatch(batch: Batch, emit: Emit, input: number): void;
  /** What `onBatch` does to one value, where that is all it does. */
  readonly step?: Step | undefined;
  /** The combined watermark of all inputs moved. The runtime passes it on afterwards (see `outputWatermark`); an async stage does so itself. */
  onWatermark?(time: number, emit: Emit, idle: boolean): void;
  /** How far the watermark passed on stays behind the input's: what this stage may still emit. Default: not at all. */
  outputWatermark?(input: number): number;
  /** The clock reached a time asked for by `context.wakeAt`. */
  onTimer?(now: number, emit: Emit): void;
  /** A source partition's status; a stage that has this consumes it. An async stage gets all of them and passes them on in order. */
  onPartition?(status: PartitionStatus, emit: Emit): void;
  /** One of several inputs is complete: nothing more comes from it. Called once for each, before `onEnd`. */
  onInputEnd?(input: number, emit: Emit): void;
  /** Complete: emit what is held. An async stage resolves when everything is out. Not called at a stop. */
  onEnd?(emit: Emit): void | Promise<void>;
  /** A stop with `atEnd: "fire"`, after the last checkpoint: emit what is open, as `timing: "early"`. A later run fires it again whole. */
  fireOpen?(emit: Emit): void;
  /** Async stages: resolves when everything before it is out. */
  onBarrier?(): Promise<void>;
  /** Takes no more from this input for now; `context.wake()` when that changes. */
  full?(input: number): boolean;
  /** Entries changed since the last *committed* epoch, as bytes made now. */
  snapshot?(): Iterable<StateChange>;
  /** The last snapshot is durable and may be forgotten. */
  committed?(): void;
  restore?(entries: Iterable<readonly [key: Uint8Array, value: Uint8Array]>): void;
  /** After restore() and before the first item of the run. */
  onStart?(emit: Emit): void;
  /** How many values a stop without a store throws away. */
  held?(): number;
  /** Something outside of the engine is under way (a call, a timer), so a still run is not a stalled one. */
  busy?(): boolean;
  /** In words, why output is waiting: for `health()`. */
  waiting?(): string | undefined;
  /** The current value of a key's state: for `run.state(name).get(key)`. */
  read?(key: Key): unknown;
  /** The run is over, in whatever way: free what the stage holds outside of itself. */
  close?(): void | Promise<void>;
}

/** Counters of one operator, touched once a batch. */
export interface OperatorCounters {
  in: number;
  out: number;
  late: number;
  latePartial: number;
  skipped: number;
  failed: number;
  /** Of a lookup with a cache: values whose answer was kept, and those for which it was not. */
  cacheHits?: number;
  cacheMisses?: number;
}

/** What a stage is given. */
export interface StageContext {
  /** The operator's id in the topology. */
  readonly operator: string;
  readonly topology: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  /** Ends with the run. */
  readonly signal: AbortSignal;
  readonly counters: OperatorCounters;
  /** How many values a channel of this run takes: a stage that holds values of its own holds no more. */
  readonly channelValues: number;
  /** False: nobody below reads ids, so a stage that makes new ones need not. */
  readonly wantsIds?: boolean;
  /** The combined watermark at this operator's input, -Infinity before the first. */
  readonly watermark: () => number;
  /**
   * The user's function failed for value `index` of `batch`: applies the operator's error policy, so it throws under "fail", counts under
   * "skip", else hands a dead letter to `ERROR`. `attempts` defaults to 1.
   */
  fail(error: unknown, batch: Batch, index: number, attempts?: number): void;
  /** Emits outside of a call: async stages only. */
  readonly emit: Emit;
  /** Passes a watermark on: event-time and async stages only. */
  emitWatermark(time: number, idle: boolean): void;
  /** Passes a partition's status on: async stages only. */
  emitPartition(status: PartitionStatus): void;
  /** Asks for one `onTimer` at this clock time; only the earliest asked for is remembered, ask again in `onTimer`. */
  wakeAt(time: number): void;
  /** Something changed outside of a call (`full`, a result): let the chain look again. */
  wake(): void;
  /** This stage wants no more: its outputs end after what it has emitted, and its inputs close. */
  end(): void;
  /** The run can not go on. */
  abort(error: unknown): void;
  /**
   * Event-time stages: how far a source partition is (+Infinity while it is idle), for reading the slowest first and pausing one that is
   * more than `maxSkewMs` ahead of it.
   */
  partitionTime(partition: string, watermark: number, maxSkewMs: number): void;
  /** Keyed state: a key's state is first made from value `index`. Refuses (E_NOT_PARTITIONED) a key declared partitioned that came from another partition. */
  newKey(key: Key, batch: Batch, index: number): void;
}

/** How ids of outputs follow from the inputs': kept, made anew by the operator in a replayable way, or not replayable at all. */
export type OriginRule = "keep" | "derive" | "none";

/** An operator described: what the planner reads, and how to make the running stage. */
export interface OperatorSpec {
  /** `map`, `window`, …: for ids and drawings. */
  readonly kind: string;
  /** The name of its state, given by the user. */
  readonly name?: string | undefined;
  readonly make: (context: StageContext) => Stage;
  /** Holds something between batches, so a checkpoint needs its name. */
  readonly holdsState?: boolean;
  /** Its stage is asynchronous: see {@link Stage}. */
  readonly async?: boolean;
  /** Outputs may leave in another order than their inputs came. */
  readonly unordered?: boolean;
  /** Un-keyed state over everything: keeps the topology in one task. */
  readonly global?: boolean;
  /** Un-keyed state that may be one for each task, such as a batch's buffer. */
  readonly perTask?: boolean;
  /** Reads event time (refused without), assigns it, or neither. */
  readonly eventTime?: "needs" | "assigns";
  /** Columns it reads, so that the planner carries them here. */
  readonly reads?: {
    readonly times?: boolean;
    readonly keys?: boolean;
    readonly origins?: boolean;
    readonly marks?: boolean;
  };
  readonly origins?: OriginRule;
  /** Can fire a result more than once. */
  readonly refires?: boolean;
  /** Would count a result that is fired again twice, so it is refused below one that refires. */
  readonly aggregates?: boolean;
  /** What it emits depends on the order in which values come: those of a key, if it is keyed. */
  readonly sequential?: boolean;
  /** Gives values another key. */
  readonly rekeys?: boolean;
  /** Can not stand on values without a key, for this reason. */
  readonly needsKey?: string;
  /** Why results may differ after a replay, in words for `guarantees()`; undefined where they can not. */
  readonly lowers?: string;
  /** What must be equal for a checkpoint to be restored, beyond name and kind. */
  readonly stateVersion?: number;
  /** Lookups and the like, connected before the run starts and closed after it. */
  readonly resources?: readonly Resource[];
}

/** Something an operator needs that connects once a process. */
export interface Resource {
  readonly name: string;
  connect?(context: import("./connector.js").RuntimeContext): Promise<void>;
  health?(): Promise<import("./connector.js").Health>;
  close?(): Promise<void>;
}
