import type { Lookup, Sink } from "./connector.js";
import type { Duration } from "./duration.js";
import type { Element, Key, StreamTypeError } from "./element.js";
import type { EventTimeOptions } from "./operators/event-time.js";
import type { LookupPolicy } from "./operators/lookup.js";
import type { AsyncPolicy } from "./operators/map-async.js";
import type { ProcessSpec, StateSpec } from "./operators/process.js";
import type { StatefulSpec } from "./operators/stateful.js";
import type { ThrottleLimit } from "./operators/throttle.js";
import type { BatchPolicy, CallContext, DeadLetter, RetryPolicy } from "./policy.js";
import type { RunOptions } from "./runtime/run-options.js";
import type { Topology } from "./topology.js";
import type { Aggregate, Aggregates, Results } from "./windows/aggregate.js";
import type { JoinWindow, Late, TimeSpan, Windowed, WindowPolicy, WindowSpec } from "./windows/window.js";

/** The result of a synchronous function; a promise, also in `cond ? value : promise`, becomes a sentence. */
type Sync<U> =
  U extends PromiseLike<unknown> ? StreamTypeError<"map() takes a synchronous function; use mapAsync()"> : U;

/** A name finds the state of an operator again in a checkpoint: unique in its topology, of `A-Z a-z 0-9 _ . -`, at most 100 long. */
export interface Named {
  readonly name?: string;
}

/**
 * Values on their way from a source: an immutable description, which opens and runs nothing. Each method returns a new stream; using one
 * stream twice is the fan-out, its upstream runs once. Close it with {@link Stream.to}, {@link Stream.collect} and the like.
 *
 * @example
 * ```ts
 * import { from } from "@millrace/core";
 * const doubled: number[] = await from([1, 2, 3]).map((n) => n * 2).collect();
 * ```
 */
export interface Stream<out T> extends AsyncIterable<T> {
  /** One value for each value. Order kept; no state. What `fn` throws goes to `onError`. */
  map<U>(fn: (value: T) => Sync<U>): Stream<U>;
  /** Keeps the values for which `predicate` is true, as they are. Order kept; no state. */
  filter<S extends T>(predicate: (value: T) => value is S): Stream<S>;
  filter(predicate: (value: T) => boolean): Stream<T>;
  /** None to many values for each value, in order. They keep its key and event time. */
  flatMap<U>(fn: (value: T) => Iterable<U>): Stream<U>;
  /** The items of each value, one by one. */
  flatten<U>(this: Stream<Iterable<U>>): Stream<U>;
  /** Looks at each value and passes it on. */
  tap(fn: (value: T) => void): Stream<T>;
  /** Does nothing, as in go-streams. */
  passThrough(): Stream<T>;
  /** The value with its key, event time and origin. */
  elements(): Stream<Element<Key | undefined, T>>;
  /** The first `count` values; then this branch ends, and the source with it if no other branch needs it. */
  take(count: number, options?: Named): Stream<T>;
  /** All but the first `count` values. */
  skip(count: number, options?: Named): Stream<T>;
  /** Rolling: emits the accumulator after every value. The final one is `.last()`. */
  fold<A>(initial: A, fn: (accumulator: A, value: T) => A, options?: Named): Stream<A>;
  /** Rolling: the first value as it is, then `fn(accumulator, value)`. */
  reduce(fn: (accumulator: T, value: T) => T, options?: Named): Stream<T>;
  /** Arrays of `size` values; with `within` a part batch leaves that long (processing time) after its first value. Never empty; what is left leaves at the end. */
  batch(policy: BatchPolicy & Named): Stream<T[]>;
  /** At most `elements` values pass in any interval of length `per`. `overflow`: "backpressure" (default) makes the source wait, "drop" counts what is too much as skipped. */
  throttle(limit: ThrottleLimit & Named): Stream<T>;
  /** Two branches by one predicate; each value is in exactly one. */
  split<S extends T>(predicate: (value: T) => value is S): [matched: Stream<S>, rest: Stream<Exclude<T, S>>];
  split(predicate: (value: T) => boolean): [matched: Stream<T>, rest: Stream<T>];
  /** n branches that each see every value. Using a Stream twice is the same thing. */
  fanOut(count: number): Stream<T>[];
  /** n branches; value i goes to branch i mod n, however slow a branch is. */
  roundRobin(count: number, options?: Named): Stream<T>[];
  /** The values of all inputs as they come; each input's own order is kept. Ends after the last input. */
  merge<U>(...others: Stream<U>[]): Stream<T | U>;
  /** Tuples by position. Ends with its shortest input. */
  zip<U extends readonly unknown[]>(...others: { [I in keyof U]: Stream<U[I]> }): Stream<[T, ...U]>;
  /** `fn` of the values at the same position. Ends with its longest input when `fill` is given, else with its shortest. */
  zipWith<U extends readonly unknown[], R>(
    others: readonly [...{ [I in keyof U]: Stream<U[I]> }],
    fn: (value: T, ...rest: U) => R,
    options?: Named & { readonly fill?: NoInfer<readonly [T, ...U]> },
  ): Stream<R>;
  /** One asynchronous call a value, at most `concurrency` at once. A checkpoint waits for the calls before it, so none is lost. */
  mapAsync<U>(fn: (value: T, context: CallContext) => PromiseLike<U>, options?: AsyncOptions<T, NoInfer<U>>): Stream<U>;
  /** Joins each value with what a store has under a key: batched, one flight a key, cached. A miss is `undefined`. */
  lookup<Q extends Key, V, R>(
    key: (value: T) => Q,
    table: Lookup<Q, V>,
    combine: (value: T, found: V | undefined) => R,
    options?: LookupOptions<T>,
  ): Stream<R>;
  /** Gives values their event time and makes watermarks, for windows, joins and timers below. Stands before `merge` and `keyBy`, once a path. */
  eventTime(time: "source" | ((value: T) => number | Date), options?: WatermarkOptions<T>): Stream<T>;
  /** A key travels beside each value. `partitioned`: the key is the one the producer partitioned by, so that state may live in a task a partition. */
  keyBy<K extends Key>(key: (value: T) => K, options?: { readonly partitioned?: boolean }): KeyedStream<K, T>;
  /** Windows over all values. State under `name`. */
  window<M extends boolean>(name: string, spec: WindowSpec<M>, options?: WindowOptions<T>): WindowedStream<T, M>;
  /** go-streams' window: arrays of the values of each `size`, un-keyed; event time where there is one, else processing time. */
  tumblingWindow(size: Duration, options?: Named): Stream<T[]>;
  /** Arrays of the values of each `size`, a window every `slide`. */
  slidingWindow(size: Duration, slide: Duration, options?: Named): Stream<T[]>;
  /** Arrays of values that are less than `gap` apart. */
  sessionWindow(gap: Duration, options?: Named): Stream<T[]>;
  /** A reusable piece is a function; keyed streams stay keyed through it. */
  via<R>(flow: (stream: this) => R): R;
  /** Policy for user functions that throw in the operators above, up to the previous onError. */
  onError(policy: OnError<unknown>): this;
  /** Ends the stream in a sink, or in a branch that ends in one. */
  to(target: Target<T>, options?: SinkOptions<T>): Topology;
  /** Runs the stream and resolves with all values. For bounded input. */
  collect(options?: RunOptions): Promise<T[]>;
  /** Runs the stream and calls `fn` for each value. */
  forEach(fn: (value: T) => void, options?: RunOptions): Promise<void>;
  /** Runs the stream and resolves with the last value, or undefined. */
  last(options?: RunOptions): Promise<T | undefined>;
  /** Runs the stream and resolves with the number of values. */
  countAll(options?: RunOptions): Promise<number>;
}

/** A stream whose values have a key beside them. `batch fold reduce take skip window` work per key; `map filter flatMap tap mapAsync lookup` keep it. */
export interface KeyedStream<out K extends Key, out T> extends Stream<T> {
  map<U>(fn: (value: T) => Sync<U>): KeyedStream<K, U>;
  filter<S extends T>(predicate: (value: T) => value is S): KeyedStream<K, S>;
  filter(predicate: (value: T) => boolean): KeyedStream<K, T>;
  flatMap<U>(fn: (value: T) => Iterable<U>): KeyedStream<K, U>;
  flatten<U>(this: KeyedStream<K, Iterable<U>>): KeyedStream<K, U>;
  elements(): KeyedStream<K, Element<K, T>>;
  roundRobin(count: number, options?: Named): KeyedStream<K, T>[];
  /** Drops the key: what follows is over all values again. */
  unkeyed(): Stream<T>;
  tap(fn: (value: T) => void): KeyedStream<K, T>;
  passThrough(): KeyedStream<K, T>;
  /** The first `count` values of each key; never ends the branch. */
  take(count: number, options?: Named): KeyedStream<K, T>;
  skip(count: number, options?: Named): KeyedStream<K, T>;
  throttle(limit: ThrottleLimit & Named): KeyedStream<K, T>;
  split<S extends T>(
    predicate: (value: T) => value is S,
  ): [matched: KeyedStream<K, S>, rest: KeyedStream<K, Exclude<T, S>>];
  split(predicate: (value: T) => boolean): [matched: KeyedStream<K, T>, rest: KeyedStream<K, T>];
  fanOut(count: number): KeyedStream<K, T>[];
  /** Keyed if all inputs are keyed alike. */
  merge<U>(...others: KeyedStream<K, U>[]): KeyedStream<K, T | U>;
  merge<U>(...others: Stream<U>[]): Stream<T | U>;
  fold<A>(initial: A, fn: (accumulator: A, value: T) => A, options?: Named): KeyedStream<K, A>;
  reduce(fn: (accumulator: T, value: T) => T, options?: Named): KeyedStream<K, T>;
  batch(policy: BatchPolicy & Named): KeyedStream<K, T[]>;
  mapAsync<U>(
    fn: (value: T, context: CallContext) => PromiseLike<U>,
    options?: AsyncOptions<T, NoInfer<U>>,
  ): KeyedStream<K, U>;
  lookup<Q extends Key, V, R>(
    key: (value: T) => Q,
    table: Lookup<Q, V>,
    combine: (value: T, found: V | undefined) => R,
    options?: LookupOptions<T>,
  ): KeyedStream<K, R>;
  /** A state a key: `onValue` returns the next state and what to emit. State under `name`, in checkpoints. */
  stateful<S, U>(name: string, spec: StatefulSpec<K, T, S, U>): KeyedStream<K, U>;
  /** The escape hatch: several states a key, and timers in event and processing time. */
  process<S extends StateSpec, U>(name: string, spec: ProcessSpec<K, T, S, U>): KeyedStream<K, U>;
  /** Drops a value whose `by` was seen for its key within that event time. */
  dedupe(name: string, options: { readonly by: (value: T) => Key; readonly within: Duration }): KeyedStream<K, T>;
  /** Pairs of both sides with the same key, in the same window or within bounds of event time. */
  join<U, R>(
    name: string,
    other: KeyedStream<K, U>,
    within: JoinWindow,
    fn: (left: T, right: U, context: JoinContext<K>) => R,
    options?: JoinOptions<T | U>,
  ): KeyedStream<K, R>;
  /** As `join`, and each left value without a match once the watermark closes it. */
  leftJoin<U, R>(
    name: string,
    other: KeyedStream<K, U>,
    within: JoinWindow,
    fn: (left: T, right: U | undefined, context: JoinContext<K>) => R,
    options?: JoinOptions<T | U>,
  ): KeyedStream<K, R>;
  /** As `join`, and each value of either side without a match. */
  outerJoin<U, R>(
    name: string,
    other: KeyedStream<K, U>,
    within: JoinWindow,
    fn: (left: T | undefined, right: U | undefined, context: JoinContext<K>) => R,
    options?: JoinOptions<T | U>,
  ): KeyedStream<K, R>;
  /** Both sides of a window, once it closes; one may be empty. */
  coGroup<U, R>(
    name: string,
    other: KeyedStream<K, U>,
    window: WindowSpec,
    fn: (lefts: readonly T[], rights: readonly U[], context: JoinContext<K>) => R,
    options?: JoinOptions<T | U>,
  ): KeyedStream<K, R>;
  /** Each left value with the newest right value at or before its time. */
  asOfJoin<U, R>(
    name: string,
    other: KeyedStream<K, U>,
    options: { readonly keep: Duration; readonly maxKeep?: number },
    fn: (left: T, right: U | undefined) => R,
  ): KeyedStream<K, R>;
  window<M extends boolean>(
    name: string,
    spec: WindowSpec<M>,
    options?: WindowOptions<T>,
  ): KeyedWindowedStream<K, T, M>;
}

/** Windows over all values, waiting for what to make of each. */
export interface WindowedStream<out T, M extends boolean> {
  /** Several named aggregates at once. */
  aggregate<A extends Record<string, Aggregate<T, any, any>>>(
    build: (by: Aggregates<T>) => A,
  ): Stream<Windowed<Key | undefined, Results<A>>>;
  reduce(fn: (left: T, right: T) => T): Stream<Windowed<Key | undefined, T>>;
  /** Windows that merge (sessions) need `merge`. */
  fold<A>(
    initial: () => A,
    fn: (accumulator: A, value: T) => A,
    ...merge: M extends true ? [merge: (left: A, right: A) => A] : [merge?: (left: A, right: A) => A]
  ): Stream<Windowed<Key | undefined, A>>;
  /** The values in event-time order, ties as they came. */
  collect(): Stream<Windowed<Key | undefined, T[]>>;
  count(): Stream<Windowed<Key | undefined, number>>;
}

/** Windows a key, waiting for what to make of each. */
export interface KeyedWindowedStream<out K extends Key, out T, M extends boolean> {
  /** Several named aggregates at once. */
  aggregate<A extends Record<string, Aggregate<T, any, any>>>(
    build: (by: Aggregates<T>) => A,
  ): KeyedStream<K, Windowed<K, Results<A>>>;
  reduce(fn: (left: T, right: T) => T): KeyedStream<K, Windowed<K, T>>;
  /** Windows that merge (sessions) need `merge`. */
  fold<A>(
    initial: () => A,
    fn: (accumulator: A, value: T) => A,
    ...merge: M extends true ? [merge: (left: A, right: A) => A] : [merge?: (left: A, right: A) => A]
  ): KeyedStream<K, Windowed<K, A>>;
  /** The values in event-time order, ties as they came. */
  collect(): KeyedStream<K, Windowed<K, T[]>>;
  count(): KeyedStream<K, Windowed<K, number>>;
}

/**
 * Anything that can end a stream: a sink, or a branch that ends in one.
 *
 * @example
 * ```ts
 * import { discardSink, type DeadLetter, type Target } from "@millrace/core";
 * const quiet: Target<DeadLetter<unknown>> = discardSink();
 * const texts: Target<DeadLetter<unknown>> = (letters) => letters.map((letter) => letter.error.message).to(discardSink());
 * ```
 */
export type Target<T> = Sink<T> | ((branch: Stream<T>) => Topology);

/** What happens to a value that could not be processed: the run fails (default), it is counted and passed over, or it goes to a target. */
export type OnError<T> = "fail" | "skip" | Target<DeadLetter<T>>;

/** A reusable piece of a stream is a plain function, used with `via`. */
export type Flow<In, Out> = (input: Stream<In>) => Stream<Out>;

/** Options of `mapAsync`. */
export interface AsyncOptions<T, U = never> extends AsyncPolicy<T, U> {
  readonly onError?: OnError<T>;
}

/** Options of `lookup`. */
export interface LookupOptions<T> extends LookupPolicy {
  readonly onError?: OnError<T>;
}

/** Options of `eventTime`. */
export interface WatermarkOptions<T> extends EventTimeOptions {
  /** For values whose time is NaN, infinite or too far ahead. */
  readonly onError?: OnError<T>;
}

/** Options of `window`. */
export interface WindowOptions<T> extends WindowPolicy {
  /** Gets each value that came too late for all its windows, once. Without it they are counted, and warned of once. */
  readonly late?: Target<Late<T>>;
}

/** Options of `to`. */
export interface SinkOptions<T> {
  /** Its id in the topology; default: the sink's name. */
  readonly name?: string;
  readonly batch?: BatchPolicy;
  /** Writes in flight (default 1). */
  readonly concurrency?: number;
  /** "input": one write after another; "key": values of a key in order; "any". Default "input", or "key" on a keyed stream with concurrency. */
  readonly order?: "input" | "key" | "any";
  /** Default: 10 tries. */
  readonly retry?: RetryPolicy;
  readonly onError?: OnError<T>;
}

/** Options of the joins. `allowedLateness` is for window joins; an interval join is late at t < W. */
export interface JoinOptions<T> {
  readonly late?: Target<Late<T>>;
  readonly allowedLateness?: Duration;
  /** Most values kept a side and key (default 100,000); one more ends the run (E_STATE_LIMIT), since dropping it would lose results. */
  readonly maxKeep?: number;
}

/** What a join's function is told. `window` is there in window joins. */
export interface JoinContext<out K extends Key | undefined> {
  readonly key: K;
  readonly window: TimeSpan | undefined;
}
