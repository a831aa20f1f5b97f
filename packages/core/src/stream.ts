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
 * What the methods say, where it matters: **Order** in which values leave; **Time** of what is emitted (else that of the value it was
 * made from); **State** that a checkpoint saves, found by the operator's name (`{ name }` where the name is not the first argument;
 * without one a checkpoint refuses to start: `E_UNNAMED_STATE`); **Ends** with its input, unless it says otherwise. No operator holds
 * more than its limit: a slow one makes those above it wait.
 *
 * @example
 * ```ts
 * import { from } from "@millrace/core";
 * const doubled: number[] = await from([1, 2, 3]).map((n) => n * 2).collect();
 * ```
 */
export interface Stream<out T> extends AsyncIterable<T> {
  /**
   * One value for each value. Order kept; no state. What `fn` throws goes to {@link Stream.onError}. A function that returns a promise does
   * not compile: that is {@link Stream.mapAsync}.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const lengths = await from(["a", "bcd"]).map((text) => text.length).collect(); // [1, 3]
   * ```
   */
  map<U>(fn: (value: T) => Sync<U>): Stream<U>;
  /**
   * Keeps the values for which `predicate` is true, as they are. Order kept; no state. A type guard narrows the type.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const there = await from([1, undefined, 3]).filter((n) => n !== undefined).map((n) => n + 1).collect(); // [2, 4]
   * ```
   */
  filter<S extends T>(predicate: (value: T) => value is S): Stream<S>;
  filter(predicate: (value: T) => boolean): Stream<T>;
  /**
   * None to many values for each value, in order. They keep its key and event time. An endless iterable is fine: it is drawn from as fast
   * as those below take.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const words = await from(["a b", "c"]).flatMap((line) => line.split(" ")).collect(); // ["a", "b", "c"]
   * ```
   */
  flatMap<U>(fn: (value: T) => Iterable<U>): Stream<U>;
  /**
   * The values of each iterable, one by one: what takes {@link Stream.batch} and the short windows apart again.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const flat = await from([[1, 2], [3]]).flatten().collect(); // [1, 2, 3]
   * ```
   */
  flatten<U>(this: Stream<Iterable<U>>): Stream<U>;
  /**
   * Looks at each value and passes it on. The value is shared with other branches: do not change it.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * await from([1, 2]).tap((n) => console.log(n)).countAll();
   * ```
   */
  tap(fn: (value: T) => void): Stream<T>;
  /**
   * Does nothing, as in go-streams.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const same = await from([1, 2]).passThrough().collect(); // [1, 2]
   * ```
   */
  passThrough(): Stream<T>;
  /**
   * Each value with its key, event time and origin.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const [first] = await from([5]).keyBy((n) => n % 2).elements().collect(); // { value: 5, key: 1, time: undefined, origin: … }
   * ```
   */
  elements(): Stream<Element<Key | undefined, T>>;
  /**
   * The first `count` values. **Ends** its branch after them, and the source if no other branch needs it. **State**: the count.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const two = await from([1, 2, 3]).take(2).collect(); // [1, 2]
   * ```
   */
  take(count: number, options?: Named): Stream<T>;
  /**
   * All but the first `count` values. **State**: the count.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const rest = await from(["header", "a", "b"]).skip(1).collect(); // ["a", "b"]
   * ```
   */
  skip(count: number, options?: Named): Stream<T>;
  /**
   * Rolling: emits the accumulator after every value; nothing for an empty input. The final one is {@link Stream.last}. `fn` must not change
   * the accumulator it is given, which was emitted. **State**: the accumulator.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const texts = await from([1, 2, 3]).fold("", (text, n) => text + n).collect(); // ["1", "12", "123"]
   * ```
   */
  fold<A>(initial: A, fn: (accumulator: A, value: T) => A, options?: Named): Stream<A>;
  /**
   * Rolling: the first value as it is, then `fn(accumulator, value)`. **State**: the accumulator.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const sums = await from([1, 2, 3]).reduce((sum, n) => sum + n).collect(); // [1, 3, 6]
   * ```
   */
  reduce(fn: (accumulator: T, value: T) => T, options?: Named): Stream<T>;
  /**
   * Arrays of `size` values, never empty; with `within` a part batch leaves that long (processing time) after its first value. A complete
   * input lets the rest out. **Time**: the largest of its values. **State**: what is held, so that a checkpoint does not cut batches.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const pairs = await from([1, 2, 3]).batch({ size: 2, within: "1s" }).collect(); // [[1, 2], [3]]
   * ```
   */
  batch(policy: BatchPolicy & Named): Stream<T[]>;
  /**
   * At most `elements` values pass in any interval of length `per`, also below a merge and over all keys. `overflow`: "backpressure"
   * (default) makes the source wait, "drop" counts what is too much as skipped. **State**: what passed lately, and what waits.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const slow = from([1, 2, 3, 4]).throttle({ elements: 2, per: "1s" });
   * ```
   */
  throttle(limit: ThrottleLimit & Named): Stream<T>;
  /**
   * Two branches by one predicate; each value is in exactly one. **Order** kept in each. Both go at the pace of the slower one. A branch
   * that ends in no sink is no part of the topology: its values go nowhere.
   *
   * @example
   * ```ts
   * import { consoleSink, discardSink, from, topology } from "@millrace/core";
   * const [even, odd] = from([1, 2, 3]).split((n) => n % 2 === 0);
   * await topology("numbers", even.to(consoleSink()), odd.to(discardSink())).run();
   * ```
   */
  split<S extends T>(predicate: (value: T) => value is S): [matched: Stream<S>, rest: Stream<Exclude<T, S>>];
  split(predicate: (value: T) => boolean): [matched: Stream<T>, rest: Stream<T>];
  /**
   * `count` branches that each see every value, at the pace of the slowest. Using a Stream twice is the same thing. Values are shared: they
   * must not be changed.
   *
   * @example
   * ```ts
   * import { from, type Stream } from "@millrace/core";
   * const [left, right] = from([1, 2]).fanOut(2) as [Stream<number>, Stream<number>];
   * const both = await left.merge(right.map((n) => n * 10)).collect(); // 1, 2, 10, 20 in some order
   * ```
   */
  fanOut(count: number): Stream<T>[];
  /**
   * `count` branches; value i goes to branch i mod `count`, however slow a branch is. **State**: the count.
   *
   * @example
   * ```ts
   * import { from, type Stream } from "@millrace/core";
   * const [first, second] = from(["a", "b", "c"]).roundRobin(2) as [Stream<string>, Stream<string>]; // "a" "c", and "b"
   * ```
   */
  roundRobin(count: number, options?: Named): Stream<T>[];
  /**
   * The values of all inputs as they come. **Order**: each input's own is kept, between inputs there is none. The watermark is the smallest of
   * all. **Ends** after the last input.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const all = await from([1, 2]).merge(from(["a"])).collect(); // 1 before 2, "a" anywhere
   * ```
   */
  merge<U>(...others: Stream<U>[]): Stream<T | U>;
  /**
   * Tuples by position. **Ends** with its shortest input. **Time**: the largest. Its values have no replayable id, and it takes no name: under
   * a checkpoint use {@link Stream.zipWith}.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const pairs = await from([1, 2, 3]).zip(from(["a", "b"])).collect(); // [[1, "a"], [2, "b"]]
   * ```
   */
  zip<U extends readonly unknown[]>(...others: { [I in keyof U]: Stream<U[I]> }): Stream<[T, ...U]>;
  /**
   * `fn` of the values at the same position. **Ends** with its longest input when `fill` is given, which stands for what is missing, else with
   * its shortest. **Time**: the largest. **State**: what waits for its partner.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const sums = await from([1, 2]).zipWith([from([10])], (a, b) => a + b, { fill: [0, 0] }).collect(); // [11, 2]
   * ```
   */
  zipWith<U extends readonly unknown[], R>(
    others: readonly [...{ [I in keyof U]: Stream<U[I]> }],
    fn: (value: T, ...rest: U) => R,
    options?: Named & { readonly fill?: NoInfer<readonly [T, ...U]> },
  ): Stream<R>;
  /**
   * One asynchronous call a value, at most `concurrency` (16) at once. **Order**: as the values came, or "key", or "any" as calls end; no result
   * passes a watermark. `timeout` is for each attempt, whose `signal` it ends. A checkpoint waits for the calls before it, so none is lost;
   * a call may be made again after a crash.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const names = await from([1, 2])
   *   .mapAsync(async (id, { signal }) => (await fetch(`http://127.0.0.1/names/${id}`, { signal })).text(), {
   *     concurrency: 8,
   *     timeout: "2s",
   *     retry: { attempts: 3 },
   *     fallback: (id) => `unknown ${id}`,
   *   })
   *   .collect();
   * ```
   */
  mapAsync<U>(fn: (value: T, context: CallContext) => PromiseLike<U>, options?: AsyncOptions<T, NoInfer<U>>): Stream<U>;
  /**
   * Each value with what a store has under its key, `undefined` for a miss. Keys are fetched up to 100 at a time, each once at a time, and
   * kept if there is a `cache`. What is found may be stale, and newer at a replay: it lowers a path to at-least-once.
   *
   * @example
   * ```ts
   * import { from, type Lookup } from "@millrace/core";
   * const names: Lookup<number, string> = { name: "names", fetch: async () => new Map([[1, "Ada"]]) };
   * const found = await from([1, 2]).lookup((id) => id, names, (id, name) => `${id} ${name}`).collect(); // ["1 Ada", "2 undefined"]
   * ```
   */
  lookup<Q extends Key, V, R>(
    key: (value: T) => Q,
    table: Lookup<Q, V>,
    combine: (value: T, found: V | undefined) => R,
    options?: LookupOptions<T>,
  ): Stream<R>;
  /**
   * Gives values their event time (ms or Date) and makes watermarks, for windows, joins, timers and ttl below. Stands before `merge`, `keyBy`
   * and unordered `mapAsync`, once a path (`E_EVENT_TIME_PLACE`). A time that is none, or more than a day ahead of the clock, goes to
   * `onError` (`E_TIME`). "source" takes the times the source gives. **State**: the watermarks, without a name.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const timed = from([{ at: 3 }, { at: 1 }]).eventTime((e) => e.at, { maxOutOfOrderness: "10s", idleTimeout: "1m" });
   * ```
   */
  eventTime(time: "source" | ((value: T) => number | Date), options?: WatermarkOptions<T>): Stream<T>;
  /**
   * A key travels beside each value: what follows works per key. Keys differ by type and value. `partitioned`: the key is the one the producer
   * partitioned by (checked: `E_NOT_PARTITIONED`), so that state may live in a task a partition.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const perUser = from([{ user: "a" }]).keyBy((e) => e.user).fold(0, (count) => count + 1);
   * ```
   */
  keyBy<K extends Key>(key: (value: T) => K, options?: { readonly partitioned?: boolean }): KeyedStream<K, T>;
  /**
   * Windows over all values, waiting for what to make of each. **Time** of a result: the last moment of its window, end − 1. **State**: under
   * `name`. Values too late for all their windows go to `late`.
   *
   * @example
   * ```ts
   * import { from, tumbling } from "@millrace/core";
   * const perMinute = await from([{ at: 0 }, { at: 61_000 }])
   *   .eventTime((e) => e.at)
   *   .window("per-minute", tumbling({ size: "1m" }))
   *   .count()
   *   .collect(); // two results of value 1
   * ```
   */
  window<M extends boolean>(name: string, spec: WindowSpec<M>, options?: WindowOptions<T>): WindowedStream<T, M>;
  /**
   * go-streams' window: arrays of the values of each `size`, over all keys, in the order of their times; event time where there is one, else
   * processing time. Late values are counted and left out. **State**: open windows.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const perSecond = from([1, 2, 3]).tumblingWindow("1s"); // arrays
   * ```
   */
  tumblingWindow(size: Duration, options?: Named): Stream<T[]>;
  /**
   * Arrays of the values of each `size`, a window every `slide` (at most `size`). As {@link Stream.tumblingWindow} otherwise.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const lastMinute = from([1, 2, 3]).slidingWindow("1m", "10s");
   * ```
   */
  slidingWindow(size: Duration, slide: Duration, options?: Named): Stream<T[]>;
  /**
   * Arrays of values that follow each other by at most `gap`. As {@link Stream.tumblingWindow} otherwise.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const bursts = from([1, 2, 3]).sessionWindow("5s");
   * ```
   */
  sessionWindow(gap: Duration, options?: Named): Stream<T[]>;
  /**
   * A reusable piece is a function; keyed streams stay keyed through it.
   *
   * @example
   * ```ts
   * import { type Flow, from } from "@millrace/core";
   * const shout: Flow<string, string> = (texts) => texts.map((text) => text.toUpperCase());
   * const loud = await from(["a"]).via(shout).collect(); // ["A"]
   * ```
   */
  via<R>(flow: (stream: this) => R): R;
  /**
   * Policy for user functions that throw in the operators above, up to the previous onError, and for values the source could not decode:
   * "fail" (default), "skip" (counted), or a target that gets a {@link DeadLetter}.
   *
   * @example
   * ```ts
   * import { consoleSink, type DeadLetter, from, type Stream } from "@millrace/core";
   * const dead = (letters: Stream<DeadLetter<unknown>>) => letters.map((letter) => letter.error.message).to(consoleSink());
   * const objects = from(["{}", "no"]).map((text) => JSON.parse(text)).onError(dead);
   * ```
   */
  onError(policy: OnError<unknown>): this;
  /**
   * Ends the stream in a sink, or in a branch that ends in one. The engine batches, retries (10 tries), writes one batch after another unless
   * asked for `concurrency`, and flushes before each checkpoint.
   *
   * @example
   * ```ts
   * import { consoleSink, from } from "@millrace/core";
   * const summary = await from(["a", "b"]).to(consoleSink(), { batch: { size: 100, within: "1s" } }).run();
   * ```
   */
  to(target: Target<T>, options?: SinkOptions<T>): Topology;
  /**
   * Runs the stream and resolves with all values. For bounded input.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const values = await from([1, 2]).collect(); // [1, 2]
   * ```
   */
  collect(options?: RunOptions): Promise<T[]>;
  /**
   * Runs the stream and calls `fn`, which is synchronous, for each value. What it throws ends the run.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * await from([1, 2]).forEach((n) => console.log(n));
   * ```
   */
  forEach(fn: (value: T) => void, options?: RunOptions): Promise<void>;
  /**
   * Runs the stream and resolves with the last value, or undefined.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const total = await from([1, 2, 3]).reduce((sum, n) => sum + n).last(); // 6
   * ```
   */
  last(options?: RunOptions): Promise<T | undefined>;
  /**
   * Runs the stream and resolves with the number of values.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const count = await from("abc").countAll(); // 3
   * ```
   */
  countAll(options?: RunOptions): Promise<number>;
}

/**
 * A stream whose values have a key beside them. `batch fold reduce take skip window` work per key; `map filter flatMap tap mapAsync lookup
 * stateful process dedupe` keep the key; `keyBy` replaces it and `unkeyed` drops it.
 *
 * @example
 * ```ts
 * import { from } from "@millrace/core";
 * const counts = await from(["a", "b", "a"]).keyBy((word) => word).fold(0, (count) => count + 1).elements().collect();
 * // a: 1, b: 1, a: 2
 * ```
 */
export interface KeyedStream<out K extends Key, out T> extends Stream<T> {
  /** As {@link Stream.map}. The key stays. */
  map<U>(fn: (value: T) => Sync<U>): KeyedStream<K, U>;
  /** As {@link Stream.filter}. The key stays. */
  filter<S extends T>(predicate: (value: T) => value is S): KeyedStream<K, S>;
  filter(predicate: (value: T) => boolean): KeyedStream<K, T>;
  /** As {@link Stream.flatMap}. The key stays. */
  flatMap<U>(fn: (value: T) => Iterable<U>): KeyedStream<K, U>;
  /** As {@link Stream.flatten}. The key stays. */
  flatten<U>(this: KeyedStream<K, Iterable<U>>): KeyedStream<K, U>;
  /** As {@link Stream.elements}. The key is there for sure. */
  elements(): KeyedStream<K, Element<K, T>>;
  /** As {@link Stream.roundRobin}. It counts over all keys, so a key is spread over the branches. */
  roundRobin(count: number, options?: Named): KeyedStream<K, T>[];
  /**
   * Drops the key: what follows is over all values again.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const total = await from(["a", "b", "a"])
   *   .keyBy((word) => word)
   *   .batch({ size: 2 })
   *   .unkeyed()
   *   .countAll(); // 2: ["a", "a"] and ["b"]
   * ```
   */
  unkeyed(): Stream<T>;
  /** As {@link Stream.tap}. The key stays. */
  tap(fn: (value: T) => void): KeyedStream<K, T>;
  /** As {@link Stream.passThrough}. The key stays. */
  passThrough(): KeyedStream<K, T>;
  /**
   * The first `count` values of each key. Never ends the branch: another key may come. **State**: a count a key, for ever.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const firsts = await from([1, 3, 2, 4]).keyBy((n) => n % 2).take(1).collect(); // [1, 2]
   * ```
   */
  take(count: number, options?: Named): KeyedStream<K, T>;
  /**
   * All but the first `count` values of each key. **State**: a count a key.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const later = await from([1, 3, 2, 4]).keyBy((n) => n % 2).skip(1).collect(); // [3, 4]
   * ```
   */
  skip(count: number, options?: Named): KeyedStream<K, T>;
  /** As {@link Stream.throttle}. One limit over all keys. The key stays. */
  throttle(limit: ThrottleLimit & Named): KeyedStream<K, T>;
  /** As {@link Stream.split}. The key stays. */
  split<S extends T>(
    predicate: (value: T) => value is S,
  ): [matched: KeyedStream<K, S>, rest: KeyedStream<K, Exclude<T, S>>];
  split(predicate: (value: T) => boolean): [matched: KeyedStream<K, T>, rest: KeyedStream<K, T>];
  /** As {@link Stream.fanOut}. The key stays. */
  fanOut(count: number): KeyedStream<K, T>[];
  /**
   * As {@link Stream.merge}. Keyed if all inputs are keyed alike.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const left = from(["a"]).keyBy((text) => text);
   * const both = left.merge(from(["b"]).keyBy((text) => text)).fold(0, (count) => count + 1);
   * ```
   */
  merge<U>(...others: KeyedStream<K, U>[]): KeyedStream<K, T | U>;
  merge<U>(...others: Stream<U>[]): Stream<T | U>;
  /**
   * As {@link Stream.fold}, with an accumulator for each key. **State**: one a key, for ever; {@link KeyedStream.stateful} can forget.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const counts = await from(["a", "b", "a"]).keyBy((word) => word).fold(0, (count) => count + 1).collect(); // [1, 1, 2]
   * ```
   */
  fold<A>(initial: A, fn: (accumulator: A, value: T) => A, options?: Named): KeyedStream<K, A>;
  /**
   * As {@link Stream.reduce}, with an accumulator for each key.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const sums = await from([1, 2, 3]).keyBy((n) => n % 2).reduce((sum, n) => sum + n).collect(); // [1, 2, 4]
   * ```
   */
  reduce(fn: (accumulator: T, value: T) => T, options?: Named): KeyedStream<K, T>;
  /**
   * As {@link Stream.batch}, a batch for each key. Cut by size alone it has a replayable id.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const batches = await from([1, 2, 3]).keyBy((n) => n % 2).batch({ size: 2 }).collect(); // [[1, 3], [2]]
   * ```
   */
  batch(policy: BatchPolicy & Named): KeyedStream<K, T[]>;
  /** As {@link Stream.mapAsync}. The key stays; `order: "key"` keeps the order of each key only. */
  mapAsync<U>(
    fn: (value: T, context: CallContext) => PromiseLike<U>,
    options?: AsyncOptions<T, NoInfer<U>>,
  ): KeyedStream<K, U>;
  /** As {@link Stream.lookup}. The key stays; the one to look up may be another. */
  lookup<Q extends Key, V, R>(
    key: (value: T) => Q,
    table: Lookup<Q, V>,
    combine: (value: T, found: V | undefined) => R,
    options?: LookupOptions<T>,
  ): KeyedStream<K, R>;
  /**
   * A state a key: `onValue` returns the next state and what to emit; `undefined` as next state forgets the key. Synchronous. Values of a key
   * in order. **State**: under `name`, plain data unless there is a `codec`; `ttl` forgets keys by event time.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const balances = await from([{ id: "a", amount: 5 }, { id: "a", amount: -2 }])
   *   .keyBy((e) => e.id)
   *   .stateful("balance", { init: () => 0, onValue: (sum, e) => [sum + e.amount, sum + e.amount] })
   *   .collect(); // [5, 3]
   * ```
   */
  stateful<S, U>(name: string, spec: StatefulSpec<K, T, S, U>): KeyedStream<K, U>;
  /**
   * The escape hatch: several states a key, and timers in event and processing time. What the functions return is emitted, in order; if one
   * throws, its changes of states and timers are taken back. **Time** of what a timer emits: the timer's. **State**: under `name`, timers too.
   *
   * @example
   * ```ts
   * import { from, valueState } from "@millrace/core";
   * const quiet = from([{ id: "a", at: 0 }])
   *   .eventTime((e) => e.at)
   *   .keyBy((e) => e.id)
   *   .process("quiet", {
   *     state: { due: valueState<number>() },
   *     onValue(e, context) {
   *       const due = context.state.due.get();
   *       if (due !== undefined) context.cancelTimer(due);
   *       context.state.due.set(e.at + 60_000);
   *       context.setTimer(e.at + 60_000);
   *     },
   *     onTimer: (time, clock, { key }) => [`nothing of ${key} for a minute`],
   *   });
   * ```
   */
  process<S extends StateSpec, U>(name: string, spec: ProcessSpec<K, T, S, U>): KeyedStream<K, U>;
  /**
   * Drops a value whose `by` was seen for its key within that event time after the one that was kept. **State**: what was seen, under `name`.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const once = await from([{ id: 1, at: 0 }, { id: 1, at: 5 }])
   *   .eventTime((e) => e.at)
   *   .keyBy((e) => e.id)
   *   .dedupe("seen", { by: (e) => e.id, within: "1h" })
   *   .countAll(); // 1
   * ```
   */
  dedupe(name: string, options: { readonly by: (value: T) => Key; readonly within: Duration }): KeyedStream<K, T>;
  /**
   * Pairs of both sides with the same key, in the same window, or within bounds of `right time − left time`, both included. A window pairs
   * when it fires, bounds as soon as both are there. **Time**: the larger one, of a window its end − 1. Values behind the watermark go to
   * `late`. **State**: under `name`, at most `maxKeep` (100,000) values a side and key (`E_STATE_LIMIT`).
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const orders = from([{ id: "a", at: 0 }]).eventTime((e) => e.at).keyBy((e) => e.id);
   * const payments = from([{ id: "a", at: 5, sum: 9 }]).eventTime((e) => e.at).keyBy((e) => e.id);
   * const paid = orders.join("paid", payments, { between: ["0s", "10s"] }, (order, payment) => ({ ...order, sum: payment.sum }));
   * ```
   */
  join<U, R>(
    name: string,
    other: KeyedStream<K, U>,
    within: JoinWindow,
    fn: (left: T, right: U, context: JoinContext<K>) => R,
    options?: JoinOptions<T | U>,
  ): KeyedStream<K, R>;
  /**
   * As `join`, and each left value without a match, with `undefined`, once the watermark has passed all that could match. **Time** of such a
   * miss: its own, so the watermark below stays that far behind.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const orders = from([{ id: "a", at: 0 }]).eventTime((e) => e.at).keyBy((e) => e.id);
   * const payments = from([{ id: "a", at: 5, sum: 9 }]).eventTime((e) => e.at).keyBy((e) => e.id);
   * const all = orders.leftJoin("paid", payments, { between: ["0s", "10s"] }, (order, payment) => [order.id, payment?.sum]);
   * ```
   */
  leftJoin<U, R>(
    name: string,
    other: KeyedStream<K, U>,
    within: JoinWindow,
    fn: (left: T, right: U | undefined, context: JoinContext<K>) => R,
    options?: JoinOptions<T | U>,
  ): KeyedStream<K, R>;
  /**
   * As `leftJoin`, and each value of either side without a match.
   *
   * @example
   * ```ts
   * import { from, tumbling } from "@millrace/core";
   * const orders = from([{ id: "a", at: 0 }]).eventTime((e) => e.at).keyBy((e) => e.id);
   * const payments = from([{ id: "a", at: 5, sum: 9 }]).eventTime((e) => e.at).keyBy((e) => e.id);
   * const all = orders.outerJoin("both", payments, tumbling({ size: "1h" }), (order, payment) => [order?.id, payment?.sum]);
   * ```
   */
  outerJoin<U, R>(
    name: string,
    other: KeyedStream<K, U>,
    within: JoinWindow,
    fn: (left: T | undefined, right: U | undefined, context: JoinContext<K>) => R,
    options?: JoinOptions<T | U>,
  ): KeyedStream<K, R>;
  /**
   * Both sides of a window, once it closes; one may be empty.
   *
   * @example
   * ```ts
   * import { from, tumbling } from "@millrace/core";
   * const orders = from([{ id: "a", at: 0 }]).eventTime((e) => e.at).keyBy((e) => e.id);
   * const payments = from([{ id: "a", at: 5, sum: 9 }]).eventTime((e) => e.at).keyBy((e) => e.id);
   * const open = orders.coGroup("hours", payments, tumbling({ size: "1h" }), (left, right) => left.length - right.length);
   * ```
   */
  coGroup<U, R>(
    name: string,
    other: KeyedStream<K, U>,
    window: WindowSpec,
    fn: (lefts: readonly T[], rights: readonly U[], context: JoinContext<K>) => R,
    options?: JoinOptions<T | U>,
  ): KeyedStream<K, R>;
  /**
   * Each left value, once the watermark has passed it, with the newest right value at or before its time and not more than `keep` before it.
   * **Order**: by event time. **State**: under `name`, at most `maxKeep` values a side and key.
   *
   * @example
   * ```ts
   * import { from } from "@millrace/core";
   * const trades = from([{ pair: "EURUSD", at: 7, amount: 3 }]).eventTime((e) => e.at).keyBy((e) => e.pair);
   * const rates = from([{ pair: "EURUSD", at: 5, rate: 1.1 }]).eventTime((e) => e.at).keyBy((e) => e.pair);
   * const worth = trades.asOfJoin("rate", rates, { keep: "1h" }, (trade, rate) => trade.amount * (rate?.rate ?? 0));
   * ```
   */
  asOfJoin<U, R>(
    name: string,
    other: KeyedStream<K, U>,
    options: { readonly keep: Duration; readonly maxKeep?: number },
    fn: (left: T, right: U | undefined) => R,
  ): KeyedStream<K, R>;
  /**
   * Windows a key. As {@link Stream.window} otherwise.
   *
   * @example
   * ```ts
   * import { from, session } from "@millrace/core";
   * const visits = from([{ user: "a", at: 0 }])
   *   .eventTime((e) => e.at)
   *   .keyBy((e) => e.user)
   *   .window("visits", session({ gap: "30m" }), { allowedLateness: "5m" })
   *   .collect();
   * ```
   */
  window<M extends boolean>(
    name: string,
    spec: WindowSpec<M>,
    options?: WindowOptions<T>,
  ): KeyedWindowedStream<K, T, M>;
}

/** Windows over all values, waiting for what to make of each. Results carry the window and which firing they are. */
export interface WindowedStream<out T, M extends boolean> {
  /**
   * Several named aggregates at once. They merge, so a sliding window costs the same for each value however many windows it is in.
   *
   * @example
   * ```ts
   * import { from, tumbling } from "@millrace/core";
   * const stats = from([{ user: "a", at: 0, amount: 3 }])
   *   .eventTime((e) => e.at)
   *   .window("hourly", tumbling({ size: "1h" }))
   *   .aggregate((by) => ({ events: by.count(), total: by.sum((e) => e.amount), largest: by.max((e) => e.amount) }));
   * ```
   */
  // biome-ignore lint/suspicious/noExplicitAny: what an aggregate accumulates is its own matter
  aggregate<A extends Record<string, Aggregate<T, any, any>>>(
    build: (by: Aggregates<T>) => A,
  ): Stream<Windowed<Key | undefined, Results<A>>>;
  /**
   * One value of all: `fn` must not depend on how values are grouped, since parts of a window are reduced by themselves and then together.
   *
   * @example
   * ```ts
   * import { from, tumbling } from "@millrace/core";
   * const largest = from([{ user: "a", at: 0, amount: 3 }])
   *   .eventTime((e) => e.at)
   *   .window("hourly", tumbling({ size: "1h" }))
   *   .reduce((left, right) => (left.amount > right.amount ? left : right));
   * ```
   */
  reduce(fn: (left: T, right: T) => T): Stream<Windowed<Key | undefined, T>>;
  /**
   * An accumulator of all values. Windows that merge (sessions) need `merge`; with it, sliding windows are kept by panes too.
   *
   * @example
   * ```ts
   * import { from, tumbling } from "@millrace/core";
   * const totals = from([{ user: "a", at: 0, amount: 3 }])
   *   .eventTime((e) => e.at)
   *   .window("hourly", tumbling({ size: "1h" }))
   *   .fold(() => 0, (sum, e) => sum + e.amount);
   * ```
   */
  fold<A>(
    initial: () => A,
    fn: (accumulator: A, value: T) => A,
    ...merge: M extends true ? [merge: (left: A, right: A) => A] : [merge?: (left: A, right: A) => A]
  ): Stream<Windowed<Key | undefined, A>>;
  /**
   * The values in event-time order, ties as they came. All of them are state while the window is open.
   *
   * @example
   * ```ts
   * import { from, tumbling } from "@millrace/core";
   * const lists = from([{ user: "a", at: 0, amount: 3 }])
   *   .eventTime((e) => e.at)
   *   .window("hourly", tumbling({ size: "1h" }))
   *   .collect();
   * ```
   */
  collect(): Stream<Windowed<Key | undefined, T[]>>;
  /**
   * How many values.
   *
   * @example
   * ```ts
   * import { from, tumbling } from "@millrace/core";
   * const counts = from([{ user: "a", at: 0, amount: 3 }])
   *   .eventTime((e) => e.at)
   *   .window("hourly", tumbling({ size: "1h" }))
   *   .count();
   * ```
   */
  count(): Stream<Windowed<Key | undefined, number>>;
}

/** Windows a key, waiting for what to make of each. Results carry the key, the window and which firing they are. */
export interface KeyedWindowedStream<out K extends Key, out T, M extends boolean> {
  /**
   * Several named aggregates at once. They merge, so a sliding window costs the same for each value however many windows it is in.
   *
   * @example
   * ```ts
   * import { from, tumbling } from "@millrace/core";
   * const stats = from([{ user: "a", at: 0, amount: 3 }])
   *   .eventTime((e) => e.at)
   *   .keyBy((e) => e.user)
   *   .window("hourly", tumbling({ size: "1h" }))
   *   .aggregate((by) => ({ events: by.count(), total: by.sum((e) => e.amount), largest: by.max((e) => e.amount) }));
   * ```
   */
  // biome-ignore lint/suspicious/noExplicitAny: what an aggregate accumulates is its own matter
  aggregate<A extends Record<string, Aggregate<T, any, any>>>(
    build: (by: Aggregates<T>) => A,
  ): KeyedStream<K, Windowed<K, Results<A>>>;
  /**
   * One value of all: `fn` must not depend on how values are grouped, since parts of a window are reduced by themselves and then together.
   *
   * @example
   * ```ts
   * import { from, tumbling } from "@millrace/core";
   * const largest = from([{ user: "a", at: 0, amount: 3 }])
   *   .eventTime((e) => e.at)
   *   .keyBy((e) => e.user)
   *   .window("hourly", tumbling({ size: "1h" }))
   *   .reduce((left, right) => (left.amount > right.amount ? left : right));
   * ```
   */
  reduce(fn: (left: T, right: T) => T): KeyedStream<K, Windowed<K, T>>;
  /**
   * An accumulator of all values. Windows that merge (sessions) need `merge`; with it, sliding windows are kept by panes too.
   *
   * @example
   * ```ts
   * import { from, tumbling } from "@millrace/core";
   * const totals = from([{ user: "a", at: 0, amount: 3 }])
   *   .eventTime((e) => e.at)
   *   .keyBy((e) => e.user)
   *   .window("hourly", tumbling({ size: "1h" }))
   *   .fold(() => 0, (sum, e) => sum + e.amount);
   * ```
   */
  fold<A>(
    initial: () => A,
    fn: (accumulator: A, value: T) => A,
    ...merge: M extends true ? [merge: (left: A, right: A) => A] : [merge?: (left: A, right: A) => A]
  ): KeyedStream<K, Windowed<K, A>>;
  /**
   * The values in event-time order, ties as they came. All of them are state while the window is open.
   *
   * @example
   * ```ts
   * import { from, tumbling } from "@millrace/core";
   * const lists = from([{ user: "a", at: 0, amount: 3 }])
   *   .eventTime((e) => e.at)
   *   .keyBy((e) => e.user)
   *   .window("hourly", tumbling({ size: "1h" }))
   *   .collect();
   * ```
   */
  collect(): KeyedStream<K, Windowed<K, T[]>>;
  /**
   * How many values.
   *
   * @example
   * ```ts
   * import { from, tumbling } from "@millrace/core";
   * const counts = from([{ user: "a", at: 0, amount: 3 }])
   *   .eventTime((e) => e.at)
   *   .keyBy((e) => e.user)
   *   .window("hourly", tumbling({ size: "1h" }))
   *   .count();
   * ```
   */
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

/**
 * What happens to a value that could not be processed: the run fails (default), it is counted and passed over, or it goes to a target.
 *
 * @example
 * ```ts
 * import { consoleSink, type OnError } from "@millrace/core";
 * const shown: OnError<unknown> = (letters) => letters.map(({ operator, error }) => `${operator}: ${error.message}`).to(consoleSink());
 * ```
 */
export type OnError<T> = "fail" | "skip" | Target<DeadLetter<T>>;

/**
 * A reusable piece of a stream is a plain function, used with `via`.
 *
 * @example
 * ```ts
 * import { type Flow, from } from "@millrace/core";
 * const squares: Flow<number, number> = (numbers) => numbers.map((n) => n * n);
 * await from([1, 2]).via(squares).collect(); // [1, 4]
 * ```
 */
export type Flow<In, Out> = (input: Stream<In>) => Stream<Out>;

/** Options of `mapAsync`. */
export interface AsyncOptions<T, U = never> extends AsyncPolicy<T, U> {
  /** For values whose call failed for good, where there is no fallback. Default: the stream's. */
  readonly onError?: OnError<T>;
}

/** Options of `lookup`. */
export interface LookupOptions<T> extends LookupPolicy {
  /** For values whose key could not be fetched. Default: the stream's. */
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
  /** Values a write. Default: the sink's own, else up to 1,024 of those that are there. */
  readonly batch?: BatchPolicy;
  /** Writes in flight (default 1). */
  readonly concurrency?: number;
  /** "input": one write after another; "key": values of a key in order; "any". Default "input", or "key" on a keyed stream with concurrency. */
  readonly order?: "input" | "key" | "any";
  /** Default: 10 tries. */
  readonly retry?: RetryPolicy;
  /** For values the sink refuses, or could not write after all tries. Default "fail". */
  readonly onError?: OnError<T>;
}

/** Options of the joins. `allowedLateness` is for window joins; an interval join is late at t < W. */
export interface JoinOptions<T> {
  /** Gets values that came too late to join. Without it they are counted, and warned of once. */
  readonly late?: Target<Late<T>>;
  /** How long after its end a window still takes values. Default 0. */
  readonly allowedLateness?: Duration;
  /** Most values kept a side and key (default 100,000); one more ends the run (E_STATE_LIMIT), since dropping it would lose results. */
  readonly maxKeep?: number;
}

/** What a join's function is told. `window` is there in window joins. */
export interface JoinContext<out K extends Key | undefined> {
  readonly key: K;
  readonly window: TimeSpan | undefined;
}
