import type { ScoreConnection } from "./score-database.js";

interface Waiting {
  readonly work: () => unknown;
  readonly resolve: (result: never) => void;
  readonly reject: (error: unknown) => void;
}

/** More work than this in one transaction keeps the event loop waiting for too long. */
const MAX_GROUP = 256;
/** After so long in one turn of the event loop the next commit waits for the next turn, so that timers and signals get theirs. */
const MAX_TURN_MS = 5;

/**
 * Carries out what concurrent calls want of the database together: all that is asked for until the running code pauses becomes one
 * transaction. A call's promise resolves when the transaction is committed; if it fails, nothing of it was done and all are rejected.
 */
export class GroupCommit {
  readonly #db: ScoreConnection;
  #waiting: Waiting[] = [];
  #scheduled = false;
  /** When the running turn of the event loop first came here; undefined: it did not yet. */
  #turnBegan: number | undefined;

  constructor(db: ScoreConnection) {
    this.#db = db;
  }

  /** `work` runs inside the transaction and must not leave anything half done when it throws. */
  run<T>(work: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ work, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    if (this.#turnBegan === undefined) {
      this.#turnBegan = performance.now();
      setImmediate(() => {
        this.#turnBegan = undefined;
      });
    }
    // Events of one citizen come one after the other: waiting for the loop's next turn with each of them would be most of their time.
    if (performance.now() - this.#turnBegan < MAX_TURN_MS) queueMicrotask(() => this.#commit());
    else setImmediate(() => this.#commit());
  }

  #commit(): void {
    this.#scheduled = false;
    const group = this.#waiting.splice(0, MAX_GROUP);
    if (this.#waiting.length > 0) this.#schedule();
    let results: unknown[];
    try {
      this.#db.exec("BEGIN IMMEDIATE");
      results = group.map(({ work }) => work());
      this.#db.exec("COMMIT");
    } catch (error) {
      if (this.#db.inTransaction) this.#db.exec("ROLLBACK");
      for (const { reject } of group) reject(error);
      return;
    }
    group.forEach(({ resolve }, i) => {
      resolve(results[i] as never);
    });
  }
}
