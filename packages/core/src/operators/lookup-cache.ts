import type { Key } from "../element.js";

/** What was found for a key, undefined for a miss, and until when it is fresh. */
export interface Found<V> {
  readonly value: V | undefined;
  until: number;
}

export interface LookupCachePlan {
  readonly max: number;
  readonly ttlMs: number;
  /** Undefined: misses are not kept. */
  readonly missTtlMs: number | undefined;
}

/** The answers of a lookup, the least recently used going first when there are more than `max`. */
export class LookupCache<Q extends Key, V> {
  readonly #plan: LookupCachePlan;
  /** In the order of their last use. */
  readonly #entries = new Map<Q, Found<V>>();

  constructor(plan: LookupCachePlan) {
    this.#plan = plan;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The answer for a key, fresh or not; it is used now. */
  use(key: Q): Found<V> | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry;
  }

  /** Keeps an answer. */
  set(key: Q, value: V | undefined, now: number): void {
    this.#entries.delete(key);
    const ttlMs = value === undefined ? this.#plan.missTtlMs : this.#plan.ttlMs;
    if (ttlMs === undefined) return;
    this.#entries.set(key, { value, until: now + ttlMs });
    if (this.#entries.size <= this.#plan.max) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      return;
    }
  }

  delete(key: Q): void {
    this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }
}
