import type { Lookup, Sink } from "./connector.js";
import type { Duration } from "./duration.js";
import type { Element, Key } from "./element.js";
import { requireArgument } from "./errors.js";
import type { ErrorPolicy, OperatorNode, Port, SinkNode, SourceNode } from "./graph/graph.js";
import { collectSink, countSink, forEachSink, lastSink } from "./io/callback-sinks.js";
import { iterateRun } from "./iterate.js";
import { asOfJoin } from "./operators/as-of-join.js";
import { batch } from "./operators/batch.js";
import { dedupe } from "./operators/dedupe.js";
import { elements } from "./operators/elements.js";
import { eventTime } from "./operators/event-time.js";
import { filter } from "./operators/filter.js";
import { flatMap, flatten } from "./operators/flat-map.js";
import { fold } from "./operators/fold.js";
import { keyBy } from "./operators/key-by.js";
import { lookup } from "./operators/lookup.js";
import { map } from "./operators/map.js";
import { mapAsync } from "./operators/map-async.js";
import { merge } from "./operators/merge.js";
import { newest } from "./operators/newest.js";
import { passThrough } from "./operators/pass-through.js";
import { type ProcessSpec, process, type StateSpec } from "./operators/process.js";
import { reduce } from "./operators/reduce.js";
import { roundRobin } from "./operators/round-robin.js";
import { skip } from "./operators/skip.js";
import { split } from "./operators/split.js";
import { type StatefulSpec, stateful } from "./operators/stateful.js";
import { take } from "./operators/take.js";
import { tap } from "./operators/tap.js";
import { type ThrottleLimit, throttle } from "./operators/throttle.js";
import { unkeyed } from "./operators/unkeyed.js";
import { zip, zipWith } from "./operators/zip.js";
import type { BatchPolicy, CallContext } from "./policy.js";
import { startRun } from "./runtime/run.js";
import type { RunOptions } from "./runtime/run-options.js";
import { BRANCH, LATE, MAIN, type OperatorSpec } from "./stage.js";
import type {
  AsyncOptions,
  JoinContext,
  JoinOptions,
  KeyedStream,
  KeyedWindowedStream,
  LookupOptions,
  Named,
  OnError,
  SinkOptions,
  Stream,
  Target,
  WatermarkOptions,
  WindowOptions,
} from "./stream.js";
import { BRANCH_NAME, graphOf, sinksOf, type Topology, topologyOf } from "./topology.js";
import { WindowedBuilder } from "./windowed-builder.js";
import { join } from "./windows/join.js";
import { session } from "./windows/session.js";
import { shortWindow } from "./windows/short-window.js";
import { sliding } from "./windows/sliding.js";
import { tumbling } from "./windows/tumbling.js";
import type { JoinWindow, WindowSpec } from "./windows/window.js";

/** What the builder knows of the values at a port. */
interface Traits {
  readonly keyed: boolean;
  readonly partitioned: boolean;
  /** They have an event time. */
  readonly timed: boolean;
}

const NO_TRAITS: Traits = { keyed: false, partitioned: false, timed: false };

/** The stream of a source node. */
export function streamOf<T>(source: SourceNode): Stream<T> {
  return new StreamBuilder<Key, T>({ node: source, output: MAIN }, NO_TRAITS);
}

/** A stream through an operator that has no method: what the test kit puts around a flow. */
export function operatorStream<T>(
  input: SourceNode | Stream<unknown>,
  spec: OperatorSpec,
  traits: Partial<Traits>,
): Stream<T> {
  const above = "type" in input ? streamOf<unknown>(input) : input;
  return builderOf(above).through<T>(spec, traits);
}

/** The one implementation of Stream and KeyedStream: which methods there are to call is a matter of types. */
class StreamBuilder<K extends Key, T> implements KeyedStream<K, T> {
  readonly #port: Port;
  readonly #traits: Traits;

  constructor(port: Port, traits: Traits) {
    this.#port = port;
    this.#traits = traits;
  }

  map = (<U>(fn: (value: T) => U): KeyedStream<K, U> => this.#then<U>(map(fn))) as KeyedStream<K, T>["map"];
  filter = ((predicate: (value: T) => boolean): KeyedStream<K, T> => this.#then<T>(filter(predicate))) as KeyedStream<
    K,
    T
  >["filter"];
  flatMap<U>(fn: (value: T) => Iterable<U>): KeyedStream<K, U> {
    return this.#then(flatMap(fn));
  }
  flatten<U>(): KeyedStream<K, U> {
    return this.#then(flatten<U>());
  }
  tap(fn: (value: T) => void): KeyedStream<K, T> {
    return this.#then(tap(fn));
  }
  passThrough(): KeyedStream<K, T> {
    return this.#then(passThrough());
  }
  elements(): KeyedStream<K, Element<K, T>> {
    return this.#then(elements());
  }
  take(count: number, options: Named = {}): KeyedStream<K, T> {
    return this.#then(take(count, options, this.#traits.keyed));
  }
  skip(count: number, options: Named = {}): KeyedStream<K, T> {
    return this.#then(skip(count, options, this.#traits.keyed));
  }
  fold<A>(initial: A, fn: (accumulator: A, value: T) => A, options: Named = {}): KeyedStream<K, A> {
    return this.#then(fold(initial, fn, options, this.#traits.keyed));
  }
  reduce(fn: (accumulator: T, value: T) => T, options: Named = {}): KeyedStream<K, T> {
    return this.#then(reduce(fn, options, this.#traits.keyed));
  }
  batch(policy: BatchPolicy & Named): KeyedStream<K, T[]> {
    return this.#then(batch(policy, this.#traits.keyed));
  }
  throttle(limit: ThrottleLimit & Named): KeyedStream<K, T> {
    return this.#then(throttle(limit));
  }
  split = ((predicate: (value: T) => boolean): KeyedStream<K, T>[] => {
    const node = this.#node(split(predicate), [this.#port], this.#traits, undefined);
    return [this.#at<T>(node, MAIN), this.#at<T>(node, BRANCH)];
  }) as KeyedStream<K, T>["split"];
  fanOut(count: number): KeyedStream<K, T>[] {
    requireArgument(
      Number.isInteger(count) && count >= 1,
      `fanOut() takes a whole number of branches from 1; it is ${count}`,
    );
    return Array.from({ length: count }, () => new StreamBuilder<K, T>(this.#port, this.#traits));
  }
  roundRobin(count: number, options: Named = {}): KeyedStream<K, T>[] {
    const node = this.#node(roundRobin(count, options), [this.#port], this.#traits, undefined);
    return Array.from({ length: count }, (_, branch) => this.#at<T>(node, branch === 0 ? MAIN : BRANCH + branch - 1));
  }
  merge<U>(...others: Stream<U>[]): KeyedStream<K, T | U> {
    const all = [this as StreamBuilder<K, unknown>, ...others.map(builderOf)];
    const keyed = all.every((stream) => stream.#traits.keyed);
    return this.#join(merge(), all, {
      keyed,
      partitioned: keyed && all.every((stream) => stream.#traits.partitioned),
      timed: all.every((stream) => stream.#traits.timed),
    });
  }
  zip<U extends readonly unknown[]>(...others: { [I in keyof U]: Stream<U[I]> }): Stream<[T, ...U]> {
    return this.#join(zip(others.length + 1), [this as StreamBuilder<K, unknown>, ...others.map(builderOf)]);
  }
  zipWith<U extends readonly unknown[], R>(
    others: readonly [...{ [I in keyof U]: Stream<U[I]> }],
    fn: (value: T, ...rest: U) => R,
    options: Named & { readonly fill?: NoInfer<readonly [T, ...U]> } = {},
  ): Stream<R> {
    return this.#join(zipWith(others.length + 1, fn as (...values: unknown[]) => R, options), [
      this as StreamBuilder<K, unknown>,
      ...(others as readonly Stream<unknown>[]).map(builderOf),
    ]);
  }
  mapAsync<U>(
    fn: (value: T, context: CallContext) => PromiseLike<U>,
    { onError, ...options }: AsyncOptions<T, NoInfer<U>> = {},
  ): KeyedStream<K, U> {
    return this.#then(mapAsync(fn, options), this.#traits, onError);
  }
  lookup<Q extends Key, V, R>(
    key: (value: T) => Q,
    table: Lookup<Q, V>,
    combine: (value: T, found: V | undefined) => R,
    { onError, ...options }: LookupOptions<T> = {},
  ): KeyedStream<K, R> {
    return this.#then(lookup(key, table, combine, options), this.#traits, onError);
  }
  eventTime(
    time: "source" | ((value: T) => number | Date),
    { onError, ...options }: WatermarkOptions<T> = {},
  ): KeyedStream<K, T> {
    return this.#then(eventTime(time, options), { ...this.#traits, timed: true }, onError);
  }
  keyBy<L extends Key>(
    key: (value: T) => L,
    { partitioned = false }: { readonly partitioned?: boolean } = {},
  ): KeyedStream<L, T> {
    return this.#then<T>(keyBy(key), { ...this.#traits, keyed: true, partitioned }) as unknown as KeyedStream<L, T>;
  }
  unkeyed(): Stream<T> {
    return this.#then(unkeyed(), { ...this.#traits, keyed: false, partitioned: false });
  }
  stateful<S, U>(name: string, spec: StatefulSpec<K, T, S, U>): KeyedStream<K, U> {
    return this.#then(stateful(name, spec));
  }
  process<S extends StateSpec, U>(name: string, spec: ProcessSpec<K, T, S, U>): KeyedStream<K, U> {
    return this.#then(process(name, spec));
  }
  dedupe(name: string, options: { readonly by: (value: T) => Key; readonly within: Duration }): KeyedStream<K, T> {
    return this.#then(dedupe(name, options));
  }
  join<U, R>(
    name: string,
    other: KeyedStream<K, U>,
    within: JoinWindow,
    fn: (left: T, right: U, context: JoinContext<K>) => R,
    options?: JoinOptions<T | U>,
  ): KeyedStream<K, R> {
    return this.#joinWith("inner", name, other, within, fn as JoinFunction, options);
  }
  leftJoin<U, R>(
    name: string,
    other: KeyedStream<K, U>,
    within: JoinWindow,
    fn: (left: T, right: U | undefined, context: JoinContext<K>) => R,
    options?: JoinOptions<T | U>,
  ): KeyedStream<K, R> {
    return this.#joinWith("left", name, other, within, fn as JoinFunction, options);
  }
  outerJoin<U, R>(
    name: string,
    other: KeyedStream<K, U>,
    within: JoinWindow,
    fn: (left: T | undefined, right: U | undefined, context: JoinContext<K>) => R,
    options?: JoinOptions<T | U>,
  ): KeyedStream<K, R> {
    return this.#joinWith("outer", name, other, within, fn as JoinFunction, options);
  }
  coGroup<U, R>(
    name: string,
    other: KeyedStream<K, U>,
    window: WindowSpec,
    fn: (lefts: readonly T[], rights: readonly U[], context: JoinContext<K>) => R,
    options?: JoinOptions<T | U>,
  ): KeyedStream<K, R> {
    return this.#joinWith("coGroup", name, other, window, fn as JoinFunction, options);
  }
  asOfJoin<U, R>(
    name: string,
    other: KeyedStream<K, U>,
    options: { readonly keep: Duration; readonly maxKeep?: number },
    fn: (left: T, right: U | undefined) => R,
  ): KeyedStream<K, R> {
    return this.#join(asOfJoin(name, options, fn), [this as StreamBuilder<K, unknown>, builderOf(other)], this.#traits);
  }
  window<M extends boolean>(
    name: string,
    spec: WindowSpec<M>,
    { late, ...options }: WindowOptions<T> = {},
  ): KeyedWindowedStream<K, T, M> {
    return new WindowedBuilder<K, T, M>(name, spec, options, this.#traits.keyed, (operator) =>
      this.#then(operator, this.#traits, undefined, late as Target<never>),
    );
  }
  tumblingWindow(size: Duration, options: Named = {}): Stream<T[]> {
    return this.#short(tumbling({ size, clock: this.#clock() }), options);
  }
  slidingWindow(size: Duration, slide: Duration, options: Named = {}): Stream<T[]> {
    return this.#short(sliding({ size, slide, clock: this.#clock() }), options);
  }
  sessionWindow(gap: Duration, options: Named = {}): Stream<T[]> {
    return this.#short(session({ gap, clock: this.#clock() }), options);
  }
  via<R>(flow: (stream: this) => R): R {
    return flow(this);
  }
  onError(policy: OnError<unknown>): this {
    return new StreamBuilder<K, T>(
      { node: { type: "onError", input: this.#port, policy: errorPolicy(policy) }, output: MAIN },
      this.#traits,
    ) as this;
  }
  to(target: Target<T>, { onError = "fail", ...settings }: SinkOptions<T> = {}): Topology {
    if (typeof target === "function") return target(this);
    return topologyOf(BRANCH_NAME, [this.#sink(target, settings, errorPolicy(onError as OnError<unknown>))]);
  }
  async collect(options?: RunOptions): Promise<T[]> {
    const values: T[] = [];
    await this.to(collectSink(values)).run(options);
    return values;
  }
  async forEach(fn: (value: T) => void, options?: RunOptions): Promise<void> {
    await this.to(forEachSink(fn)).run(options);
  }
  async last(options?: RunOptions): Promise<T | undefined> {
    const sink = lastSink<T>();
    await this.#then<T>(newest()).to(sink).run(options);
    return sink.value;
  }
  async countAll(options?: RunOptions): Promise<number> {
    const sink = countSink();
    await this.to(sink).run(options);
    return sink.count;
  }
  [Symbol.asyncIterator](): AsyncIterator<T> {
    // The loop is thrown what ends the run, so it need not be logged.
    return iterateRun<T>((sink) => startRun(graphOf(this.to(sink)), {}, { awaited: true }));
  }

  through<U>(spec: OperatorSpec, traits: Partial<Traits>): KeyedStream<K, U> {
    return this.#then(spec, { ...this.#traits, ...traits });
  }

  #clock(): "event" | "processing" {
    return this.#traits.timed ? "event" : "processing";
  }
  #short(spec: WindowSpec, options: Named): Stream<T[]> {
    return this.#then(shortWindow(spec, options), { ...this.#traits, keyed: false, partitioned: false });
  }
  #sink(sink: Sink<T>, settings: SinkNode["settings"], onError: ErrorPolicy): SinkNode {
    requireArgument(
      this.#traits.keyed || settings.order !== "key",
      `to("${sink.name}"): order "key" needs values with a key: call keyBy() above`,
    );
    return { type: "sink", sink: sink as Sink<unknown>, input: this.#port, settings, onError };
  }
  #then<U>(
    spec: OperatorSpec,
    traits: Traits = this.#traits,
    onError?: OnError<never>,
    late?: Target<never>,
  ): StreamBuilder<K, U> {
    return this.#at(this.#node(spec, [this.#port], traits, onError, late), MAIN, traits);
  }
  #join<U>(
    spec: OperatorSpec,
    streams: readonly StreamBuilder<Key, unknown>[],
    traits?: Traits,
    late?: Target<never>,
  ): StreamBuilder<K, U> {
    const known = traits ?? {
      keyed: false,
      partitioned: false,
      timed: streams.every((stream) => stream.#traits.timed),
    };
    const ports = streams.map((stream) => stream.#port);
    return this.#at(this.#node(spec, ports, known, undefined, late), MAIN, known);
  }
  #joinWith<U, R>(
    kind: "inner" | "left" | "outer" | "coGroup",
    name: string,
    other: KeyedStream<K, U>,
    within: JoinWindow,
    fn: JoinFunction,
    { late, ...options }: JoinOptions<T | U> = {},
  ): StreamBuilder<K, R> {
    const right = builderOf(other);
    const traits = { keyed: true, partitioned: this.#traits.partitioned && right.#traits.partitioned, timed: true };
    return this.#join(
      join(kind, name, within, fn, options),
      [this as StreamBuilder<K, unknown>, right],
      traits,
      late as Target<never>,
    );
  }
  #at<U>(node: OperatorNode, output: number, traits: Traits = this.#traits): StreamBuilder<K, U> {
    return new StreamBuilder<K, U>({ node, output }, traits);
  }
  #node(
    spec: OperatorSpec,
    inputs: readonly Port[],
    { keyed, partitioned }: Traits,
    onError?: OnError<never>,
    late?: Target<never>,
  ): OperatorNode {
    requireArgument(
      keyed || spec.needsKey === undefined,
      `${spec.kind}(): ${spec.needsKey} needs values with a key: call keyBy() above`,
    );
    const policy = onError === undefined ? undefined : errorPolicy(onError);
    const node: OperatorNode = { type: "operator", spec, inputs, onError: policy, keyed, partitioned, sideSinks: [] };
    if (late !== undefined) node.sideSinks.push(...targetSinks(late, { node, output: LATE }, this.#traits));
    return node;
  }
}

type JoinFunction = (left: unknown, right: unknown, context: unknown) => never;

function builderOf(stream: Stream<unknown>): StreamBuilder<Key, unknown> {
  requireArgument(stream instanceof StreamBuilder, "a stream must be one made by from() and its operators");
  return stream;
}

/** The sinks at the end of a target that begins at this port. */
function targetSinks(target: Target<never>, port: Port, traits: Traits): readonly SinkNode[] {
  return sinksOf(new StreamBuilder<Key, never>(port, traits).to(target));
}

const FAIL: ErrorPolicy = { action: "fail" };
const SKIP: ErrorPolicy = { action: "skip" };
/** The same target is the same policy, wherever it is given. */
const policies = new WeakMap<object, ErrorPolicy>();

/** A target becomes the node that collects the dead letters of everything under the policy, and the sinks below it. */
function errorPolicy(onError: OnError<never> | OnError<unknown>): ErrorPolicy {
  if (onError === "fail") return FAIL;
  if (onError === "skip") return SKIP;
  requireArgument(
    typeof onError === "function" || (typeof onError === "object" && onError !== null),
    `onError must be "fail", "skip", a sink or a branch; it is ${JSON.stringify(onError)}`,
  );
  const known = policies.get(onError);
  if (known !== undefined) return known;
  const collector: OperatorNode = {
    type: "operator",
    spec: { ...merge(), kind: "deadLetters" },
    inputs: [],
    onError: undefined,
    keyed: false,
    partitioned: false,
    sideSinks: [],
  };
  collector.sideSinks.push(...targetSinks(onError as Target<never>, { node: collector, output: MAIN }, NO_TRAITS));
  const policy: ErrorPolicy = { action: "target", collector };
  policies.set(onError, policy);
  return policy;
}
