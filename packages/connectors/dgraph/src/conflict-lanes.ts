import pLimit from "p-limit";

/**
 * Lets transactions that touch a common node run one after the other, in the order in which they came, and others side by side up to a limit: in Dgraph
 * the later of two would be aborted.
 */
export class ConflictLanes {
  readonly #limit: <R>(work: () => Promise<R>) => Promise<R>;
  /** By node: settles when the last transaction that touches it is over. */
  readonly #last = new Map<string, Promise<void>>();

  constructor(atOnce: number) {
    this.#limit = pLimit(atOnce);
  }

  /** Nodes that transactions are waiting for or working on. */
  get size(): number {
    return this.#last.size;
  }

  async run<R>(touched: ReadonlySet<string>, work: () => Promise<R>): Promise<R> {
    const before = new Set<Promise<void>>();
    let done = (): void => {};
    const over = new Promise<void>((resolve) => {
      done = resolve;
    });
    for (const id of touched) {
      const last = this.#last.get(id);
      if (last !== undefined) before.add(last);
      this.#last.set(id, over);
    }
    try {
      await Promise.all(before);
      return await this.#limit(work);
    } finally {
      for (const id of touched) if (this.#last.get(id) === over) this.#last.delete(id);
      done();
    }
  }
}
