/** A transaction that was given up: who wrote it, and its first offset. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: bigint;
}

/** What it takes of a batch to know whether its messages are to be seen. */
interface BatchHead {
  readonly lastOffset: bigint;
  readonly producerId: bigint;
  readonly transactional: boolean;
  /** It holds a mark of a transaction instead of messages. */
  readonly control: boolean;
}

/** The transactions that a broker says were given up in its answer. */
export class AbortedTransactions {
  /** Those that come behind the batches so far, the next one last. */
  readonly #waiting: AbortedTransaction[];
  /** Whose messages are given up, until their mark. */
  readonly #open = new Set<bigint>();

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#waiting = [...aborted].sort((left, right) => (left.firstOffset < right.firstOffset ? 1 : -1));
  }

  /** Whether a batch is a mark, or given up. To be asked of every batch of the answer, in order. */
  hides({ lastOffset, producerId, transactional, control }: BatchHead): boolean {
    for (
      let next = this.#waiting.at(-1);
      next !== undefined && next.firstOffset <= lastOffset;
      next = this.#waiting.at(-1)
    ) {
      this.#open.add(next.producerId);
      this.#waiting.pop();
    }
    if (control) this.#open.delete(producerId);
    return control || (transactional && this.#open.has(producerId));
  }
}
