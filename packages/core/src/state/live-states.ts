import type { Key } from "../element.js";
import type { StateChange } from "../stage.js";
import { type Codec, jsonCodec, keyText } from "./codec.js";
import type { ListState, MapState, ValueState } from "./declarations.js";
import { compareKeys, keyOf, pairText, splitPair } from "./key-pair.js";
import { KeyedState, type KeyTexts } from "./keyed-state.js";
import type { TtlPlan } from "./ttl.js";

/** Where the running call stands: for which key and by which time it reads and writes, and how to take back what it did. */
export interface CallPlace {
  readonly key: Key;
  /** See stateTime(). */
  readonly at: number;
  /** Up to here nothing is read any more. */
  readonly watermark: number;
  /** The key has its first state. */
  created(): void;
  /** Takes back one change, should the call fail. */
  undo(change: () => void): void;
}

/** A declared state, running: the call at hand uses it for its key; the stage saves, sweeps and shows it. */
export interface LiveState {
  snapshot(): StateChange[];
  committed(): void;
  /** Takes the entries of this state. */
  restore(entries: readonly (readonly [key: Uint8Array, value: Uint8Array])[]): void;
  sweep(watermark: number): void;
  /** What a key has, for `run.state()`. */
  read(key: Key, watermark: number): unknown;
}

interface LiveOptions {
  /** The operator's name and the state's, for errors. */
  readonly where: string;
  /** Put before the keys of its entries, to tell its own from those of other states. */
  readonly prefix: string;
  readonly ttl: TtlPlan | undefined;
  readonly place: CallPlace;
}

/** Keys as text, behind the prefix. */
function keysBehind<K>(prefix: string, textOf: (key: K) => string, keyOfText: (text: string) => K): KeyTexts<K> {
  return { textOf: (key) => prefix + textOf(key), keyOf: (text) => keyOfText(text.slice(prefix.length)) };
}

/** What all kinds do with a KeyedState: writing and deleting for the call at hand, so that it can be taken back. */
abstract class Live<S, K> implements LiveState {
  protected readonly place: CallPlace;
  protected readonly state: KeyedState<S, K>;

  constructor(place: CallPlace, state: KeyedState<S, K>) {
    this.place = place;
    this.state = state;
  }

  abstract read(key: Key, watermark: number): unknown;

  snapshot(): StateChange[] {
    return this.state.snapshot();
  }

  committed(): void {
    this.state.committed();
  }

  restore(entries: readonly (readonly [key: Uint8Array, value: Uint8Array])[]): void {
    this.state.restore(entries);
  }

  sweep(watermark: number): void {
    this.state.sweep(watermark);
  }

  protected write(key: K, value: S): void {
    const { place, state } = this;
    const cell = state.find(key, place.at);
    if (cell === undefined) {
      place.undo(() => this.remove(key));
    } else {
      const { state: before, stamp } = cell;
      place.undo(() => this.putBack(key, before, stamp));
    }
    if (state.write(key, cell, value, place.at)) place.created();
  }

  protected clearKey(key: K): void {
    const cell = this.state.find(key, this.place.at);
    if (cell !== undefined) {
      const { state: before, stamp } = cell;
      this.place.undo(() => this.putBack(key, before, stamp));
    }
    this.remove(key);
  }

  protected remove(key: K): void {
    this.state.delete(key);
  }

  protected putBack(key: K, value: S, stamp: number): void {
    this.state.write(key, undefined, value, stamp);
  }
}

export class LiveValue<V> extends Live<V, Key> implements ValueState<V> {
  constructor({ where, prefix, ttl, place }: LiveOptions) {
    super(place, new KeyedState<V, Key>({ where, ttl, keys: keysBehind(prefix, keyText, keyOf) }));
  }

  get(): V | undefined {
    return this.state.find(this.place.key, this.place.at)?.state;
  }

  set(value: V): void {
    this.write(this.place.key, value);
  }

  clear(): void {
    this.clearKey(this.place.key);
  }

  read(key: Key, watermark: number): V | undefined {
    return this.state.peek(key, watermark)?.state;
  }
}

export class LiveMap<Q extends Key, V> extends Live<V, string> implements MapState<Q, V> {
  /** The pair under which an entry's state is found, by key and second key. */
  readonly #pairs: Map<Key, Map<Q, string>>;

  constructor({ where, prefix, ttl, place }: LiveOptions) {
    const pairs = new Map<Key, Map<Q, string>>();
    const expired = (pair: string): void => forget(pairs, pair);
    super(place, new KeyedState<V, string>({ where, ttl, expired, keys: keysBehind(prefix, String, String) }));
    this.#pairs = pairs;
  }

  get(key: Q): V | undefined {
    const pair = this.#pairs.get(this.place.key)?.get(key);
    return pair === undefined ? undefined : this.state.find(pair, this.place.at)?.state;
  }

  set(key: Q, value: V): void {
    const pair = this.#pairs.get(this.place.key)?.get(key) ?? pairText(this.place.key, key);
    this.write(pair, value);
    this.#note(this.place.key, key, pair);
  }

  delete(key: Q): void {
    const pair = this.#pairs.get(this.place.key)?.get(key);
    if (pair !== undefined) this.clearKey(pair);
  }

  *entries(): IterableIterator<[Q, V]> {
    const pairs = this.#pairs.get(this.place.key);
    if (pairs === undefined) return;
    for (const [key, pair] of inOrder(pairs)) {
      const cell = this.state.find(pair, this.place.at);
      if (cell !== undefined) yield [key, cell.state];
    }
  }

  override restore(entries: readonly (readonly [key: Uint8Array, value: Uint8Array])[]): void {
    super.restore(entries);
    for (const [pair] of this.state.cells()) {
      const [key, second] = splitPair(pair);
      this.#note(key, second as Q, pair);
    }
  }

  read(key: Key, watermark: number): ReadonlyMap<Q, V> {
    const found = new Map<Q, V>();
    for (const [second, pair] of inOrder(this.#pairs.get(key) ?? new Map<Q, string>())) {
      const cell = this.state.peek(pair, watermark);
      if (cell !== undefined) found.set(second, cell.state);
    }
    return found;
  }

  protected override remove(pair: string): void {
    super.remove(pair);
    forget(this.#pairs, pair);
  }

  protected override putBack(pair: string, value: V, stamp: number): void {
    super.putBack(pair, value, stamp);
    const [key, second] = splitPair(pair);
    this.#note(key, second as Q, pair);
  }

  #note(key: Key, second: Q, pair: string): void {
    const pairs = this.#pairs.get(key);
    if (pairs === undefined) this.#pairs.set(key, new Map([[second, pair]]));
    else pairs.set(second, pair);
  }
}

function inOrder<Q extends Key>(pairs: ReadonlyMap<Q, string>): [Q, string][] {
  return [...pairs].sort(([left], [right]) => compareKeys(left, right));
}

function forget<Q extends Key>(all: Map<Key, Map<Q, string>>, pair: string): void {
  const [key, second] = splitPair(pair);
  const pairs = all.get(key);
  pairs?.delete(second as Q);
  if (pairs?.size === 0) all.delete(key);
}

interface Listed<V> {
  readonly values: V[];
  /** When each was pushed; NaN: without a time. */
  readonly stamps: number[];
  /** values() gave the array away, so it must not change any more. */
  lent: boolean;
}

export class LiveList<V> extends Live<Listed<V>, Key> implements ListState<V> {
  readonly #ttl: TtlPlan | undefined;

  constructor({ where, prefix, ttl, place }: LiveOptions) {
    // The list as a whole lives as long as its newest value.
    const whole: TtlPlan | undefined =
      ttl === undefined ? undefined : { afterMs: ttl.afterMs, from: ttl.from === "read" ? "read" : "write" };
    const keys = keysBehind<Key>(prefix, keyText, keyOf);
    super(place, new KeyedState<Listed<V>, Key>({ where, ttl: whole, codec: listCodec<V>(where), keys }));
    this.#ttl = ttl;
  }

  push(value: V): void {
    const { key, at, watermark } = this.place;
    const cell = this.state.find(key, at);
    const list = cell?.state;
    const kept = list === undefined ? undefined : this.#live(list, watermark);
    if (cell === undefined || kept === undefined || kept !== list || list.lent) {
      const { values, stamps } = kept ?? { values: [], stamps: [] };
      this.write(key, { values: [...values, value], stamps: [...stamps, at], lent: false });
      return;
    }
    const { stamp } = cell;
    this.place.undo(() => {
      list.values.pop();
      list.stamps.pop();
      this.putBack(key, list, stamp);
    });
    list.values.push(value);
    list.stamps.push(at);
    this.state.write(key, cell, list, at);
  }

  values(): readonly V[] {
    const { key, at } = this.place;
    const list = this.state.find(key, at)?.state;
    if (list === undefined) return [];
    const live = this.#live(list, at);
    live.lent = true;
    if (this.#ttl?.from === "read")
      this.write(key, {
        ...live,
        stamps: live.stamps.map((stamp) => (Number.isNaN(stamp) || at > stamp ? at : stamp)),
      });
    return live.values;
  }

  clear(): void {
    this.clearKey(this.place.key);
  }

  read(key: Key, watermark: number): readonly V[] {
    const list = this.state.peek(key, watermark)?.state;
    return list === undefined ? [] : [...this.#live(list, watermark).values];
  }

  /** What of the list has not expired at this time: the list itself where all of it lives. */
  #live(list: Listed<V>, at: number): Listed<V> {
    if (this.#ttl === undefined) return list;
    const { afterMs } = this.#ttl;
    const isLive = (stamp: number): boolean => !(at - stamp >= afterMs);
    if (list.stamps.every(isLive)) return list;
    const values = list.values.filter((_, i) => isLive(list.stamps[i] as number));
    return { values, stamps: list.stamps.filter(isLive), lent: false };
  }
}

function listCodec<V>(where: string): Codec<Listed<V>> {
  const json = jsonCodec<Pick<Listed<V>, "values" | "stamps">>(where);
  return {
    version: 1,
    encode: ({ values, stamps }) => json.encode({ values, stamps }),
    decode: (bytes, version) => ({ ...json.decode(bytes, version), lent: false }),
  };
}
