import type { Key, Origin } from "./element.js";
import type { BatchPolicy, CallContext, ErrorClass } from "./policy.js";

/** Where to resume in a partition, as text only its source understands. */
export type Position = string;

/** All waiting in the engine and in connectors goes through schedule(), so that a test clock can drive it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls `fn` once when the clock reads `atMs` or more, or, where it was set back, when that much time has passed; returns a function that cancels. */
  schedule(atMs: number, fn: () => void): () => void;
  /** Time moves only when told: nothing may depend on the computer's own clock or speed. */
  readonly virtual?: boolean;
  /** A virtual clock asks everyone registered here whether they still have something to do, before it moves on. Returns a function that removes. */
  onSettle?(busy: () => boolean): () => void;
}

/** Where the library writes what an operator should see. Values and secrets are never logged. */
export interface Logger {
  debug(message: string, fields?: object): void;
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
}

/** What every connector is given: the world, injected. `signal` ends with the run. */
export interface RuntimeContext {
  /** The topology's name. */
  readonly topology: string;
  readonly signal: AbortSignal;
  /** All waiting goes through it. */
  readonly clock: Clock;
  /** From 0 to, not including, 1. */
  readonly random: () => number;
  readonly logger: Logger;
  /**
   * The `system` of the run's checkpoint store. A sink of the same system is transactional: it buffers what it is given and
   * returns it as `commit` from `flush()`, for the store to apply inside its own commit.
   */
  readonly transactionalSystem?: string;
}

/** The answer of a cheap probe. */
export interface Health {
  readonly status: "up" | "degraded" | "down";
  readonly latencyMs?: number;
  readonly detail?: string;
}

/** One running instance of a topology over a fixed set of source partitions. */
export interface Task {
  readonly topology: string;
  readonly partitions: readonly string[];
  /** The number of its lease, larger for each later holder; 0 without a store. */
  readonly lease: number;
}

// ---- sources

/**
 * Where values come from. The guide "Writing a connector" says what each call must do, and `sourceSuite` tests it.
 *
 * @example
 * ```ts
 * import { from, type Source } from "@millrace/core";
 * const one: Source<string> = {
 *   name: "one",
 *   bounded: true,
 *   connect: async () => ({
 *     subscribe: (listener) => listener.assigned(["0"], 1),
 *     open: async (_partition, position) => {
 *       let done = position === "1";
 *       return {
 *         read: async () => {
 *           if (done) return undefined;
 *           done = true;
 *           return { values: ["hello"], offsets: [0], position: "1" };
 *         },
 *         close: async () => {},
 *       };
 *     },
 *     comparePositions: (left, right) => Number(left) - Number(right),
 *     close: async () => {},
 *   }),
 * };
 * await from(one).collect(); // ["hello"]
 * ```
 */
export interface Source<out T> {
  /** A checkpoint finds positions by it. */
  readonly name: string;
  /** A reader that ends completes the input; else it ends as `stop()` does. */
  readonly bounded?: boolean;
  /** Keys stay in one partition, and partitions may be spread over tasks. */
  readonly partitioned?: boolean;
  /** False: its values can not be read again, so that a crash loses those under way (at-most-once). True without it. */
  readonly replays?: boolean;
  /** Once a process. The last checkpoint of a lost partition happens inside the listener's `lost`. */
  connect(context: SourceContext): Promise<SourceConnection<T>>;
}

/** What a source is told beside that. */
export interface SourceContext extends RuntimeContext {
  /** Whether one process gets all partitions of a group, or each gets some. */
  readonly taskMode: "one" | "per-partition";
  /** Where to begin without a position. */
  readonly startAt: "earliest" | "latest" | Date;
}

/** Told what the process is assigned and what it lost; both are awaited. */
export interface AssignmentListener {
  assigned(partitions: readonly string[], generation: number): Promise<void>;
  lost(partitions: readonly string[], generation: number): Promise<void>;
  /** The source is over and will not be assigned anything again; with no reader open, nobody else would hear of it. */
  failed?(error: unknown): void;
}

/** A process's connection to a source. */
export interface SourceConnection<out T> {
  /** Begins assignment; both calls of the listener are awaited. A source without groups calls assigned() once. */
  subscribe(listener: AssignmentListener): Promise<void>;
  /** A reader from `position`; without one, from the source's own `startAt`, else the run's. */
  open(partition: string, position: Position | undefined): Promise<SourceReader<T>>;
  /** What the system has as committed, where it keeps that. */
  committed?(partition: string): Promise<Position | undefined>;
  /** Called when everything before these positions is out and, with a store, saved. */
  commit?(positions: ReadonlyMap<string, Position>, generation: number): Promise<void>;
  /** Below zero where `left` is before `right`. */
  comparePositions(left: Position, right: Position): number;
  /** In which partition the producer puts a key. */
  partitionOf?(key: Key, partitionCount: number): string;
  /** How many partitions there are in all, where a process may be assigned only some. */
  partitionCount?(): number;
  health?(): Promise<Health>;
  close(): Promise<void>;
}

/** Reads one partition in order. `close()` makes a pending `read()` resolve undefined. Undefined = this reader ends. */
export interface SourceReader<out T> {
  read(): Promise<SourceBatch<T> | undefined>;
  close(): Promise<void>;
}

/** Values of one partition, in order. */
export interface SourceBatch<out T> {
  readonly values: readonly T[];
  /** Where each value is in its partition: what its id is made from. Without them values have no origin. */
  readonly offsets?: readonly (string | number | bigint)[];
  /** Event times by the source (ms), used by `eventTime("source")`. */
  readonly times?: ArrayLike<number>;
  /** How large the values are together, for the limit of what may wait. */
  readonly bytes?: number;
  /** Where to resume once every value of this batch is done. */
  readonly position: Position;
  /** Nothing more was there when this was read: lets an idle partition leave the watermark's minimum. */
  readonly caughtUp?: boolean;
  /** What could not be decoded; goes to the first onError below the source. */
  readonly poison?: readonly PoisonValue[];
}

/** A value that could not be decoded. */
export interface PoisonValue {
  readonly offset: string | number | bigint;
  readonly raw: Uint8Array;
  readonly error: { readonly code: string; readonly message: string };
}

// ---- sinks

/**
 * Where values go. The engine batches, retries, splits, dead-letters and flushes; a sink only writes. The guide "Writing a connector" says
 * what each call must do, and `sinkSuite` tests it.
 *
 * @example
 * ```ts
 * import { from, type Sink } from "@millrace/core";
 * const lines: string[] = [];
 * const list: Sink<string> = {
 *   name: "list",
 *   writes: "append",
 *   connect: async () => ({
 *     open: async () => ({ write: async (values) => void lines.push(...values), close: async () => {} }),
 *     close: async () => {},
 *   }),
 * };
 * await from(["a", "b"]).to(list).run();
 * ```
 */
export interface Sink<in T> {
  /** Its id in the topology, unless `to()` gives one. */
  readonly name: string;
  /** Values a write, unless `to()` says otherwise. */
  readonly batch?: BatchPolicy;
  /** Writes in flight, unless `to()` says otherwise. Default 1. */
  readonly concurrency?: number;
  /** append: a replay writes again; idempotent: same id, same content; versioned: the store compares a version that grows. */
  readonly writes: "append" | "idempotent" | "versioned";
  /** Such as `sqlite:/data/app.db`: equal to the checkpoint store's, the sink writes inside its transaction. */
  readonly system?: string;
  /** The writer rolls itself back to the `state` saved in the checkpoint: exactly-once under a checkpoint. */
  readonly rollsBack?: boolean;
  /** False: the writer reads no ids, keys, times and origins, so the engine need not carry them here. */
  readonly metadata?: false;
  connect(context: RuntimeContext): Promise<SinkConnection<T>>;
}

/** A process's connection to a sink, shared by its tasks. */
export interface SinkConnection<in T> {
  /** `state` is what the last flush saved in the checkpoint (a file's length): the writer rolls itself back to it. */
  open(task: Task, state: Uint8Array | undefined): Promise<SinkWriter<T>>;
  health?(): Promise<Health>;
  close(): Promise<void>;
}

/** Writes what one task gives it. Calls overlap only where `concurrency` says so. */
export interface SinkWriter<in T> {
  /** Writes all values, or returns an outcome for each, or throws (a {@link WriteError} says of which class). */
  write(values: readonly T[], context: WriteContext): Promise<void | readonly WriteOutcome[]>;
  /** Resolves when everything written is durable. No write is under way when it is called. */
  flush?(epoch: number): Promise<void | SinkCommit>;
  close(): Promise<void>;
}

/** `state` is saved in the checkpoint; `commit` is applied by the checkpoint store inside its own transaction. */
export interface SinkCommit {
  readonly state?: Uint8Array;
  readonly commit?: unknown;
}

/** What travels beside the values of a write, one entry for each. */
export interface WriteContext extends CallContext {
  /** Made from the origins: equal after a replay. */
  readonly ids: readonly (string | undefined)[];
  readonly keys: readonly (Key | undefined)[];
  readonly times: readonly (number | undefined)[];
  readonly origins: readonly (Origin | undefined)[];
}

/** What became of one value of a write. */
export type WriteOutcome =
  | "written"
  | { readonly class: ErrorClass; readonly code: string; readonly message: string; readonly retryAfterMs?: number };

/**
 * What a sink, a lookup or a user's async function throws to say of which class a failure is. Anything else that is thrown counts
 * as `transient` from a sink and as `poison` from a user function.
 *
 * @example
 * ```ts
 * import { WriteError } from "@millrace/core";
 * const busy = new WriteError("throttled", "E_TABLE_BUSY", "too many writes", { retryAfterMs: 2_000 });
 * ```
 */
export class WriteError extends Error {
  override readonly name = "WriteError";
  readonly class: ErrorClass;
  readonly code: string;
  readonly retryAfterMs: number | undefined;
  /** The batch was refused as a whole and nothing of it was written, so halves may be tried. */
  readonly atomic: boolean;

  constructor(
    errorClass: ErrorClass,
    code: string,
    message: string,
    details: { readonly cause?: unknown; readonly retryAfterMs?: number; readonly atomic?: boolean } = {},
  ) {
    super(message, "cause" in details ? { cause: details.cause } : undefined);
    this.class = errorClass;
    this.code = code;
    this.retryAfterMs = details.retryAfterMs;
    this.atomic = details.atomic ?? false;
  }
}

// ---- lookups

/**
 * A store that can be asked for many keys at once. A key missing from the answer is a miss.
 *
 * @example
 * ```ts
 * import type { Lookup } from "@millrace/core";
 * const table = new Map([["a", 1]]);
 * const lookup: Lookup<string, number> = {
 *   name: "table",
 *   fetch: async (keys) => new Map(keys.flatMap((key) => (table.has(key) ? [[key, table.get(key) as number]] : []))),
 * };
 * ```
 */
export interface Lookup<Q extends Key, V> {
  readonly name: string;
  /** Throws, best a {@link WriteError}, where the store can not be asked: then it is tried again, where that was asked for. */
  fetch(keys: readonly Q[], context: CallContext): Promise<ReadonlyMap<Q, V>>;
  connect?(context: RuntimeContext): Promise<void>;
  /** Runs until `signal` ends and calls `invalidate` for each key that changed in the store. */
  changes?(invalidate: (key: Q) => void, signal: AbortSignal): Promise<void>;
  health?(): Promise<Health>;
  close?(): Promise<void>;
}

// ---- checkpoints

/** Keeps checkpoints: state, positions and times of one moment, committed at once. `checkpointSuite` tests what one must do. */
export interface CheckpointStore {
  readonly name: string;
  /** Sinks of the same system write inside its commit. */
  readonly system?: string;
  connect(context: RuntimeContext): Promise<CheckpointConnection>;
}

/** A run's connection to a store. */
export interface CheckpointConnection {
  /** Numbered and held while its holder lives. Held by another: E_LEASE_HELD, or with `wait` a standby. A commit with a lower number is refused (E_FENCED). */
  lease(
    task: string,
    options?: { readonly wait?: boolean; readonly signal?: AbortSignal },
  ): Promise<{ readonly number: number; readonly latest: Checkpoint | undefined }>;
  /** Gives a lease back; one that is over already is no error. */
  release(task: string, lease: number): Promise<void>;
  /** Atomic. Refuses an epoch not newer than its last. */
  commit(task: string, lease: number, checkpoint: CheckpointDelta): Promise<void>;
  /** The newest epoch, read under the lease: what became of a commit that gave no answer. */
  latestEpoch(task: string, lease: number): Promise<number | undefined>;
  close(): Promise<void>;
}

/** A checkpoint without its state. */
export interface CheckpointHead {
  readonly format: 1;
  /** Larger for each later checkpoint of a task. */
  readonly epoch: number;
  /** The input was complete and everything of it is out. */
  readonly ended: boolean;
  /** Of what must not change between two runs: source names, partition counts, task mode, states. */
  readonly topologyHash: string;
  readonly mode: "one" | "per-partition";
  /** source → partition → position */
  readonly positions: ReadonlyMap<string, ReadonlyMap<string, Position>>;
  readonly partitionCounts: ReadonlyMap<string, number>;
  readonly time: { readonly processing: number; readonly watermarks: ReadonlyMap<string, number> };
  readonly sinkStates: ReadonlyMap<string, Uint8Array>;
}

/** What a run is restored from. */
export interface Checkpoint extends CheckpointHead {
  /** All state, in pages. */
  entries(): AsyncIterable<readonly StateEntry[]>;
}

/** What a run commits. */
export interface CheckpointDelta extends CheckpointHead {
  /** What changed since the last committed epoch; a value of undefined deletes. */
  readonly changes: readonly StateEntry[];
  /** What sinks of the store's system want written in the same transaction. */
  readonly commits: readonly { readonly sink: string; readonly payload: unknown }[];
}

/** A piece of state: its name, key and value; undefined = deleted. */
export type StateEntry = readonly [state: string, key: Uint8Array, value: Uint8Array | undefined];

// ---- topics: one shape for sqliteTopic({ file, name, partitions? }) and redpandaTopic({ brokers, topic, … })

/** A message of a topic. */
export interface Message {
  readonly key: Uint8Array | undefined;
  readonly value: Uint8Array | undefined;
  readonly headers: Readonly<Record<string, Uint8Array>>;
  readonly timestamp: number;
  readonly partition: string;
  readonly offset: bigint;
}

/** A message to be written. Without a timestamp it has its value's event time, else the clock's. */
export interface OutMessage {
  readonly key?: Uint8Array | string;
  readonly value: Uint8Array | string | undefined;
  readonly headers?: Readonly<Record<string, Uint8Array | string>>;
  readonly timestamp?: number;
  readonly partition?: string;
}

/** A durable log of messages, the same shape for every broker: swapping one for another is one line. */
export interface Topic {
  source<T>(options: {
    readonly decode: (message: Message) => T;
    readonly startAt?: "earliest" | "latest" | Date;
    readonly stopAt?: "latest";
  }): Source<T>;
  sink<T>(options: { readonly encode: (value: T) => OutMessage }): Sink<T>;
}
