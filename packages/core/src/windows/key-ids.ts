import type { Key } from "../element.js";

/** So many ids that nobody uses are kept, and so many more for each that was used by the block that was freed last. */
const MIN_IDLE = 1_024;
const MAX_IDLE_SHARE = 2;
/** Instead of a count of uses: the id is free. */
const RELEASED = -1;

/**
 * Small numbers for keys. Users of an id are counted; one that nobody uses is kept for a while, since most keys come again in the next
 * window, and given to another key when there are many of them.
 */
export class KeyIds {
  readonly #ids = new Map<Key | undefined, number>();
  /** By id. */
  readonly #keys: (Key | undefined)[] = [];
  readonly #uses: number[] = [];
  readonly #leftAt: number[] = [];
  readonly #free: number[] = [];
  #idle = 0;
  /** Counts the calls of sweep(). */
  #round = 0;

  /** Ids are below this. */
  get size(): number {
    return this.#keys.length;
  }

  idOf(key: Key | undefined): number | undefined {
    return this.#ids.get(key);
  }

  keyOf(id: number): Key | undefined {
    return this.#keys[id];
  }

  /** An id for a key that has none. */
  add(key: Key | undefined): number {
    const id = this.#free.pop() ?? this.#keys.length;
    this.#ids.set(key, id);
    this.#keys[id] = key;
    this.#uses[id] = 0;
    this.#leftAt[id] = this.#round;
    this.#idle++;
    return id;
  }

  use(id: number): void {
    const uses = this.#uses[id] as number;
    if (uses === 0) this.#idle--;
    this.#uses[id] = uses + 1;
  }

  leave(id: number): void {
    const uses = (this.#uses[id] as number) - 1;
    this.#uses[id] = uses;
    this.#leftAt[id] = this.#round;
    if (uses === 0) this.#idle++;
  }

  /** Gives an id that nobody uses back. */
  release(id: number): void {
    this.#ids.delete(this.#keys[id]);
    this.#keys[id] = undefined;
    this.#uses[id] = RELEASED;
    this.#free.push(id);
    this.#idle--;
  }

  /** After `left` ids were left: gives back those that nobody has used since the last time, if there are many. */
  sweep(left: number): void {
    const round = this.#round++;
    if (this.#idle <= MAX_IDLE_SHARE * left + MIN_IDLE) return;
    for (let id = 0; id < this.#keys.length; id++)
      if (this.#uses[id] === 0 && (this.#leftAt[id] as number) < round) this.release(id);
  }
}
