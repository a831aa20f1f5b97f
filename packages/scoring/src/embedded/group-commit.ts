import type { ScoreConnection } from "./score-database.js";

interface Waiting {
  readonly work: () => unknown;
  readonly resolve: (result: never) => void;
  readonly reject: (error: unknown) => void;
}

/** More work than this in one transaction keeps the event loop waiting for too long. */
const MAX_GROUP = 256;

/**
 * Carries out what concurrent calls want of the database together: all that is asked for in one turn of the event loop becomes one
 * transaction. A call's promise resolves when the transaction is committed; if it fails, nothing of it was done and all are rejected.
 */
export class GroupCommit {
  readonly #db: ScoreConnection;
  #waiting: Waiting[] = [];

  constructor(db: ScoreConnection) {
    this.#db = db;
  }

  /** `work` runs inside the transaction and must not leave anything half done when it throws. */
  run<T>(work: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#waiting.push({ work, resolve, reject }) === 1) setImmediate(() => this.#commit());
    });
  }

  #commit(): void {
    const group = this.#waiting.splice(0, MAX_GROUP);
    if (this.#waiting.length > 0) setImmediate(() => this.#commit());
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
