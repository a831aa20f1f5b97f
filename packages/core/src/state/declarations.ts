import type { Duration } from "../duration.js";
import type { Key } from "../element.js";
import { StreamError } from "../errors.js";
import type { TtlOptions } from "./ttl.js";

/** One value for each key. */
export interface ValueState<V> {
  get(): V | undefined;
  set(value: V): void;
  clear(): void;
}

/** Values by a second key, for each key. Each entry has a life of its own, and a checkpoint saves only those that changed. */
export interface MapState<Q extends Key, V> {
  get(key: Q): V | undefined;
  set(key: Q, value: V): void;
  delete(key: Q): void;
  /** In the order of the keys: booleans, numbers, bigints, then texts. */
  entries(): IterableIterator<[Q, V]>;
}

/** Values in the order they were pushed, for each key. With a ttl each has a life of its own. */
export interface ListState<V> {
  push(value: V): void;
  values(): readonly V[];
  clear(): void;
}

/** What was declared, behind the type of the state it will be. */
export interface Declaration {
  readonly kind: "value" | "map" | "list";
  readonly ttl: Duration | TtlOptions | undefined;
}

class Declared implements Declaration {
  readonly kind: "value" | "map" | "list";
  readonly ttl: Duration | TtlOptions | undefined;

  constructor(kind: "value" | "map" | "list", ttl: Duration | TtlOptions | undefined) {
    this.kind = kind;
    this.ttl = ttl;
  }

  get = refuse;
  set = refuse;
  push = refuse;
  delete = refuse;
  clear = refuse;
  entries = refuse;
  values = refuse;
}

function refuse(): never {
  throw new StreamError(
    "E_ARGUMENT",
    "a state is declared here, not used: the function of process() finds it, for the key at hand, in context.state",
  );
}

/**
 * Declares a value for each key of a {@link ProcessSpec}: `context.state` has it. With `ttl` it is forgotten that long, in event time,
 * after its last write.
 *
 * @example
 * ```ts
 * import { from, valueState } from "@millrace/core";
 * const counts = from(["a", "b", "a"])
 *   .keyBy((word) => word)
 *   .process("counts", {
 *     state: { count: valueState<number>() },
 *     onValue(word, { state }) {
 *       const count = (state.count.get() ?? 0) + 1;
 *       state.count.set(count);
 *       return [`${word} ${count}`];
 *     },
 *   });
 * ```
 */
export function valueState<V>(options: { readonly ttl?: Duration | TtlOptions } = {}): ValueState<V> {
  return new Declared("value", options.ttl) as ValueState<V>;
}

/**
 * Declares values by a second key for each key of a {@link ProcessSpec}. With `ttl` each entry is forgotten that long, in event time,
 * after its last write.
 *
 * @example
 * ```ts
 * import { mapState } from "@millrace/core";
 * const seen = mapState<string, number>({ ttl: "7d" });
 * ```
 */
export function mapState<Q extends Key, V>(options: { readonly ttl?: Duration | TtlOptions } = {}): MapState<Q, V> {
  return new Declared("map", options.ttl) as MapState<Q, V>;
}

/**
 * Declares a list for each key of a {@link ProcessSpec}. With `ttl` each value is forgotten that long, in event time, after it was pushed.
 *
 * @example
 * ```ts
 * import { listState } from "@millrace/core";
 * const recent = listState<{ at: number; amount: number }>({ ttl: "1h" });
 * ```
 */
export function listState<V>(options: { readonly ttl?: Duration | TtlOptions } = {}): ListState<V> {
  return new Declared("list", options.ttl) as ListState<V>;
}

/** What valueState(), mapState() or listState() declared; undefined for anything else. */
export function declarationOf(state: unknown): Declaration | undefined {
  return state instanceof Declared ? state : undefined;
}
