import Database from "better-sqlite3";
import { type Connection, inTransaction } from "../file/database.js";
import { FileFailure } from "../file/failure.js";

/** Who holds a lease, for the message of whoever is refused. */
export interface Holder {
  readonly host: string;
  readonly pid: number;
  /** Milliseconds since the epoch. */
  readonly since: number;
}

export interface LeaseCall extends Holder {
  readonly task: string;
  /** How long a first attempt may wait for another one that only looks. */
  readonly waitMs: number;
}

export interface TaskRow {
  readonly id: number;
  readonly lease: number;
  readonly held: number;
  readonly host: string;
  readonly pid: number;
  readonly since: number;
}

export const TASK_TABLE = `
CREATE TABLE IF NOT EXISTS millrace_tasks (
  id INTEGER PRIMARY KEY, task TEXT NOT NULL UNIQUE, lease INTEGER NOT NULL, held INTEGER NOT NULL, host TEXT NOT NULL, pid INTEGER NOT NULL, since REAL NOT NULL) STRICT;
`;

/**
 * The file whose lock is a task's lease: `FILE.lease` for the first task a file has ever had, `FILE.lease.2` for the second, and so on, so
 * that tasks of one file can run in several processes.
 */
export function leaseFile(path: string, task: number): string {
  return task === 1 ? `${path}.lease` : `${path}.lease.${task}`;
}

/**
 * The leases this process holds. Each is an exclusive lock on a database of its own that is kept open: the system drops it when the
 * process dies, however it dies. The number beside it, kept in the main file, fences whoever held the lease before.
 */
export class LeaseLocks {
  readonly #db: Connection;
  readonly #path: string;
  readonly #held = new Map<string, Connection>();

  constructor(db: Connection, path: string) {
    this.#db = db;
    this.#path = path;
  }

  /** The new lease's number, or who holds it. */
  take({
    task,
    host,
    pid,
    since,
    waitMs,
  }: LeaseCall): { readonly number: number } | { readonly heldBy: Holder | undefined } {
    const { id } = this.row(task) ?? this.#create(task);
    const lock = this.#held.has(task) ? undefined : lockExclusively(leaseFile(this.#path, id), waitMs);
    if (lock === undefined) {
      const row = this.row(task);
      return { heldBy: row?.held === 1 ? { host: row.host, pid: row.pid, since: row.since } : undefined };
    }
    try {
      const number = inTransaction(this.#db, () => {
        const next = (this.row(task)?.lease ?? 0) + 1;
        this.#db
          .prepare("UPDATE millrace_tasks SET lease = ?, held = 1, host = ?, pid = ?, since = ? WHERE id = ?")
          .run(next, host, pid, since, id);
        return next;
      });
      this.#held.set(task, lock);
      return { number };
    } catch (error) {
      lock.close();
      throw error;
    }
  }

  /** Gives the lease back; one that has a successor is left alone. */
  release(task: string, lease: number): void {
    const lock = this.#held.get(task);
    if (lock === undefined || this.row(task)?.lease !== lease) return;
    try {
      this.#db.prepare("UPDATE millrace_tasks SET held = 0 WHERE task = ?").run(task);
    } finally {
      this.#held.delete(task);
      lock.close();
    }
  }

  /** Refuses whoever does not hold the newest lease of the task. */
  require(task: string, lease: number): TaskRow {
    const row = this.row(task);
    if (row === undefined || row.lease !== lease || row.held !== 1)
      throw new FileFailure(
        "E_FENCED",
        "fatal",
        `lease ${lease} of task "${task}" in ${this.#path} is over${row === undefined ? "" : row.lease === lease ? ": it was released" : `: lease ${row.lease} was given to process ${row.pid} on ${row.host}`}. This run must not write any more`,
      );
    return row;
  }

  row(task: string): TaskRow | undefined {
    return this.#db.prepare("SELECT id, lease, held, host, pid, since FROM millrace_tasks WHERE task = ?").get(task) as
      | TaskRow
      | undefined;
  }

  close(): void {
    for (const lock of this.#held.values()) lock.close();
    this.#held.clear();
  }

  #create(task: string): TaskRow {
    this.#db
      .prepare(
        "INSERT INTO millrace_tasks (task, lease, held, host, pid, since) VALUES (?, 0, 0, '', 0, 0) ON CONFLICT DO NOTHING",
      )
      .run(task);
    return this.row(task) as TaskRow;
  }
}

/** The open lock, or undefined where another has it. */
function lockExclusively(file: string, waitMs: number): Connection | undefined {
  const lock = new Database(file, { timeout: waitMs });
  try {
    lock.exec("BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    lock.close();
    const { code } = error as { code?: string };
    if (code?.startsWith("SQLITE_BUSY") === true) return undefined;
    if (code === "SQLITE_NOTADB" || code?.startsWith("SQLITE_CORRUPT") === true)
      throw new FileFailure(
        "E_SQLITE_OPEN",
        "fatal",
        `${file} is not a lease of ours but something else: move it away`,
      );
    throw error;
  }
}
