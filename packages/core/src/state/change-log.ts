/**
 * Which keys changed since the last *committed* epoch. A key written after a snapshot belongs to the next one; the keys of a snapshot
 * whose epoch was abandoned go into the next one too.
 */
export class ChangeLog<K> {
  #changed = new Set<K>();
  #inSnapshot = new Set<K>();

  touch(key: K): void {
    this.#changed.add(key);
  }

  /** The key is gone and was in no snapshot: there is nothing to save of it. */
  forget(key: K): void {
    this.#changed.delete(key);
  }

  /** The keys to save now. */
  snapshot(): ReadonlySet<K> {
    if (this.#inSnapshot.size === 0) this.#inSnapshot = this.#changed;
    else for (const key of this.#changed) this.#inSnapshot.add(key);
    this.#changed = new Set();
    return this.#inSnapshot;
  }

  /** The last snapshot is durable. */
  committed(): void {
    this.#inSnapshot = new Set();
  }
}
