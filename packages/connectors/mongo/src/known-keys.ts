import type { Key } from "@millrace/core";

/** Which key each document that was fetched had: a deletion only tells the `_id`, and an update only what is new. Knows the newest `max`. */
export class KnownKeys<Q extends Key> {
  readonly #max: number;
  readonly #keys = new Map<string, Q>();
  #forgot = false;

  constructor(max: number) {
    this.#max = max;
  }

  /** Some are no longer known, so one that is not known may have been fetched. */
  get forgot(): boolean {
    return this.#forgot;
  }

  set(id: string, key: Q): void {
    this.#keys.delete(id);
    this.#keys.set(id, key);
    if (this.#keys.size <= this.#max) return;
    this.#forgot = true;
    for (const oldest of this.#keys.keys()) {
      this.#keys.delete(oldest);
      return;
    }
  }

  get(id: string): Q | undefined {
    return this.#keys.get(id);
  }
}
