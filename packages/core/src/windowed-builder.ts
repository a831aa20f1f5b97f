import type { Key } from "./element.js";
import type { OperatorSpec } from "./stage.js";
import type { KeyedStream, KeyedWindowedStream } from "./stream.js";
import { type Aggregate, type Aggregates, aggregates, type Results } from "./windows/aggregate.js";
import type { Windowed, WindowPolicy, WindowSpec } from "./windows/window.js";
import { type WindowContent, window } from "./windows/window-operator.js";

/** Windows that wait for what to make of each: the implementation of WindowedStream and KeyedWindowedStream. */
export class WindowedBuilder<K extends Key, T, M extends boolean> implements KeyedWindowedStream<K, T, M> {
  readonly #make: (content: WindowContent<T, unknown>) => KeyedStream<K, never>;

  constructor(
    name: string,
    spec: WindowSpec<M>,
    policy: WindowPolicy,
    keyed: boolean,
    attach: (operator: OperatorSpec) => KeyedStream<K, never>,
  ) {
    this.#make = (content) => attach(window(name, spec, policy, content, keyed));
  }

  aggregate<A extends Record<string, Aggregate<T, any, any>>>(
    build: (by: Aggregates<T>) => A,
  ): KeyedStream<K, Windowed<K, Results<A>>> {
    return this.#make({ kind: "aggregate", aggregates: build(aggregates<T>()) });
  }
  reduce(fn: (left: T, right: T) => T): KeyedStream<K, Windowed<K, T>> {
    return this.#make({ kind: "reduce", fn });
  }
  fold<A>(
    initial: () => A,
    fn: (accumulator: A, value: T) => A,
    ...merge: M extends true ? [merge: (left: A, right: A) => A] : [merge?: (left: A, right: A) => A]
  ): KeyedStream<K, Windowed<K, A>> {
    return this.#make({ kind: "fold", initial, fn, merge: merge[0] } as WindowContent<T, unknown>);
  }
  collect(): KeyedStream<K, Windowed<K, T[]>> {
    return this.#make({ kind: "collect" });
  }
  count(): KeyedStream<K, Windowed<K, number>> {
    return this.#make({ kind: "count" });
  }
}
