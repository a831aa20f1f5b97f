import type { Changes, GraphStore, Posting } from "./graph-store.js";

/** The graph at one timestamp, with what a transaction has changed itself. */
export class GraphView {
  readonly #store: GraphStore;
  readonly #ts: number;
  readonly #own: Changes;

  constructor(store: GraphStore, ts: number, own: Changes = new Map()) {
    this.#store = store;
    this.#ts = ts;
    this.#own = own;
  }

  read(predicate: string, uid: number): Posting {
    return this.#own.get(predicate)?.get(uid) ?? this.#store.read(predicate, uid, this.#ts);
  }

  has(predicate: string, uid: number): boolean {
    return this.read(predicate, uid).size > 0;
  }

  /** Nodes with the predicate, in order, behind `after`. */
  *nodesWith(predicate: string, after: number): Iterable<number> {
    const own = [...(this.#own.get(predicate)?.keys() ?? [])];
    const stored = this.#store.uids(predicate);
    const all = own.length === 0 ? stored : [...new Set([...stored, ...own])].sort((left, right) => left - right);
    for (let i = firstBehind(all, after); i < all.length; i++) {
      const uid = all[i] as number;
      if (this.has(predicate, uid)) yield uid;
    }
  }

  /** Nodes that have exactly this text as a value of the predicate, in order. */
  nodesBy(predicate: string, text: string): number[] {
    const found = new Set<number>();
    const look = (uid: number): void => {
      for (const { value } of this.read(predicate, uid).values()) if (value?.text === text) found.add(uid);
    };
    for (const uid of this.#store.candidates(predicate, text)) look(uid);
    for (const uid of this.#own.get(predicate)?.keys() ?? []) look(uid);
    return [...found].sort((left, right) => left - right);
  }
}

function firstBehind(sorted: readonly number[], after: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) <= after) low = middle + 1;
    else high = middle;
  }
  return low;
}
