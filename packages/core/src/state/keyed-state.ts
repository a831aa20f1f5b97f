import type { Key } from "../element.js";
import { requireArgument } from "../errors.js";
import type { StateChange } from "../stage.js";
import { TimeHeap } from "../time/time-heap.js";
import { ChangeLog } from "./change-log.js";
import { type Codec, jsonCodec, keyText } from "./codec.js";
import { keyOf } from "./key-pair.js";
import { packKey, packState, unpackState } from "./state-bytes.js";
import type { TtlPlan } from "./ttl.js";

const decoder = new TextDecoder();
/** At most so many expired keys are freed at one watermark; the rest waits for the next. Readers see them as expired at once. */
const SWEEP_BUDGET = 10_000;
/** The first so many keys are encoded when they are first written, so that what can not be saved is refused there, not at a checkpoint. */
const CHECKED_KEYS = 64;

/** The state of one key. */
export interface Cell<S> {
  state: S;
  /** Event time of the last write; NaN where there is none. */
  stamp: number;
  /** In the change log since the last snapshot. */
  changed: boolean;
  /** In a snapshot, so that its end must be saved too. */
  saved: boolean;
  /** The time its place in the expiry queue stands for. */
  queuedAt: number;
}

/** Keys as text, and back. */
export interface KeyTexts<K> {
  textOf(key: K): string;
  keyOf(text: string): K;
}

export interface KeyedStateOptions<K, S> {
  /** The operator's name, for errors. */
  readonly where: string;
  /** Default: tagged JSON. */
  readonly codec?: Codec<S> | undefined;
  readonly ttl?: TtlPlan | undefined;
  /** False: a name was not given, so no checkpoint can save it and anything may be held. */
  readonly named?: boolean;
  /** How keys become text where they are not plain ones. */
  readonly keys?: KeyTexts<K>;
  /** Told of each key that expired. */
  readonly expired?: (key: K) => void;
}

/**
 * State by key, in memory: which keys changed since the last committed epoch, when they expire, and how they become bytes. A key that
 * its reader sees as expired stays until a write replaces it or the watermark has passed it.
 */
export class KeyedState<S, K = Key> {
  readonly #cells = new Map<K, Cell<S>>();
  readonly #changes = new ChangeLog<K>();
  /** Saved keys that were deleted since the last snapshot: should they come back and go again, their end must still be saved. */
  readonly #gone = new Set<K>();
  readonly #expiry = new TimeHeap<K>();
  /** Keys written without a time although a ttl is set: their life begins at the next watermark. */
  readonly #unstamped = new Set<K>();
  readonly #where: string;
  readonly #codec: Codec<S>;
  readonly #ttl: TtlPlan | undefined;
  readonly #keys: KeyTexts<K>;
  readonly #expired: ((key: K) => void) | undefined;
  #unchecked: number;

  constructor(options: KeyedStateOptions<K, S>) {
    this.#where = options.where;
    this.#codec = options.codec ?? jsonCodec<S>(options.where);
    const { version } = this.#codec;
    requireArgument(
      Number.isInteger(version) && version >= 0,
      `"${options.where}": codec.version must be a whole number; it is ${version}`,
    );
    this.#ttl = options.ttl;
    this.#keys = options.keys ?? (PLAIN_KEYS as unknown as KeyTexts<K>);
    this.#expired = options.expired;
    this.#unchecked = options.named === false ? 0 : CHECKED_KEYS;
  }

  get size(): number {
    return this.#cells.size;
  }

  /** All keys with their cells, in the order they were first written. */
  cells(): IterableIterator<[K, Cell<S>]> {
    return this.#cells.entries();
  }

  /** The cell of a key, unless it has expired at this time (NaN: nothing expires). */
  find(key: K, at: number): Cell<S> | undefined {
    const cell = this.#cells.get(key);
    if (cell === undefined || this.#ttl === undefined) return cell;
    if (at - cell.stamp >= this.#ttl.afterMs) return undefined;
    if (this.#ttl.from === "read" && at > cell.stamp) {
      cell.stamp = at;
      this.#touch(key, cell);
    }
    return cell;
  }

  /** What find() gives, without counting as a read. */
  peek(key: K, at: number): Cell<S> | undefined {
    const cell = this.#cells.get(key);
    return cell !== undefined && this.#ttl !== undefined && at - cell.stamp >= this.#ttl.afterMs ? undefined : cell;
  }

  /** Sets a key's state; `cell` is what find() gave for it at this time. True: the key had none. */
  write(key: K, cell: Cell<S> | undefined, state: S, at: number): boolean {
    if (cell === undefined) return this.#begin(key, state, at);
    cell.state = state;
    if (this.#ttl?.from !== "create" && (at > cell.stamp || Number.isNaN(cell.stamp))) cell.stamp = at;
    this.#touch(key, cell);
    return false;
  }

  /** Forgets a key. */
  delete(key: K): void {
    const cell = this.#cells.get(key);
    if (cell === undefined) return;
    this.#cells.delete(key);
    if (cell.saved) {
      this.#gone.add(key);
      this.#changes.touch(key);
    } else {
      this.#changes.forget(key);
    }
  }

  /** Frees what the watermark has passed. */
  sweep(watermark: number): void {
    if (this.#ttl === undefined) return;
    if (this.#unstamped.size > 0) this.#stamp(watermark);
    for (let i = 0; i < SWEEP_BUDGET && this.#expiry.nextTime <= watermark; i++) {
      const queuedAt = this.#expiry.nextTime;
      const key = this.#expiry.pop() as K;
      const cell = this.#cells.get(key);
      if (cell === undefined || cell.queuedAt !== queuedAt) continue;
      if (cell.stamp + this.#ttl.afterMs > watermark) {
        this.#queue(key, cell);
      } else {
        this.delete(key);
        this.#expired?.(key);
      }
    }
  }

  /** What changed since the last committed epoch, as bytes made now. */
  snapshot(): StateChange[] {
    this.#gone.clear();
    const changes: StateChange[] = [];
    for (const key of this.#changes.snapshot()) {
      const cell = this.#cells.get(key);
      const value = cell === undefined ? undefined : packState(this.#codec, cell.state, cell.stamp, this.#where);
      changes.push([packKey(this.#keys.textOf(key)), value]);
      if (cell === undefined) continue;
      cell.changed = false;
      cell.saved = true;
    }
    return changes;
  }

  /** The last snapshot is durable. */
  committed(): void {
    this.#changes.committed();
  }

  restore(entries: Iterable<readonly [key: Uint8Array, value: Uint8Array]>): void {
    for (const [bytes, value] of entries) {
      const key = this.#keys.keyOf(decoder.decode(bytes));
      const cell = {
        ...unpackState(this.#codec, value, this.#where),
        changed: false,
        saved: true,
        queuedAt: Number.NaN,
      };
      this.#cells.set(key, cell);
      this.#queue(key, cell);
    }
  }

  /** Puts the keys into another order for cells(): what was restored comes in any. */
  sort(compare: (left: Cell<S>, right: Cell<S>) => number): void {
    const sorted = [...this.#cells].sort(([, left], [, right]) => compare(left, right));
    this.#cells.clear();
    for (const [key, cell] of sorted) this.#cells.set(key, cell);
  }

  /** A key's life begins, or begins anew where the old one had expired. */
  #begin(key: K, state: S, at: number): boolean {
    if (this.#unchecked > 0) {
      this.#unchecked--;
      packState(this.#codec, state, at, this.#where);
    }
    const old = this.#cells.get(key);
    if (old !== undefined) {
      old.state = state;
      old.stamp = at;
      this.#touch(key, old);
      return false;
    }
    const cell = {
      state,
      stamp: at,
      changed: false,
      saved: this.#gone.size > 0 && this.#gone.has(key),
      queuedAt: Number.NaN,
    };
    this.#cells.set(key, cell);
    this.#touch(key, cell);
    if (this.#ttl !== undefined) this.#queue(key, cell);
    return true;
  }

  #touch(key: K, cell: Cell<S>): void {
    if (cell.changed) return;
    cell.changed = true;
    this.#changes.touch(key);
  }

  #queue(key: K, cell: Cell<S>): void {
    if (this.#ttl === undefined) return;
    if (Number.isNaN(cell.stamp)) {
      this.#unstamped.add(key);
    } else {
      cell.queuedAt = cell.stamp + this.#ttl.afterMs;
      this.#expiry.push(cell.queuedAt, key);
    }
  }

  #stamp(watermark: number): void {
    if (watermark === Number.NEGATIVE_INFINITY) return;
    for (const key of this.#unstamped) {
      const cell = this.#cells.get(key);
      if (cell === undefined) continue;
      if (Number.isNaN(cell.stamp)) {
        cell.stamp = watermark;
        this.#touch(key, cell);
      }
      this.#queue(key, cell);
    }
    this.#unstamped.clear();
  }
}

const PLAIN_KEYS: KeyTexts<Key> = { textOf: keyText, keyOf };
