import { crc32 } from "node:zlib";
import { ByteWriter } from "../file/bytes.js";
import { type Connection, requireFormat, type Statement } from "../file/database.js";
import { FileFailure } from "../file/failure.js";
import { Digest, entrySum, sumSeed, unpackEntries } from "./entry-bytes.js";
import { TASK_TABLE } from "./lease-lock.js";

/** What a checkpoint says of itself beside its entries. */
export interface SavedHead {
  readonly epoch: number;
  readonly head: string;
}

export interface PageCall {
  readonly task: string;
  readonly epoch: number;
  /** Where the page before ended; undefined for the first. */
  readonly after: PageEnd | undefined;
}

export interface PageEnd {
  readonly state: number;
  readonly key: Uint8Array;
  readonly count: number;
  readonly sum: number;
}

export interface Page {
  readonly entries: Uint8Array<ArrayBuffer>;
  /** Undefined: this was the last one, and all checksums were right. */
  readonly end: PageEnd | undefined;
}

interface HeadRow extends SavedHead {
  readonly entries: number;
  readonly digest: number;
  readonly sum: number;
}

interface EntryRow {
  readonly state: number;
  readonly key: Buffer;
  readonly value: Buffer;
  readonly sum: number;
}

const PAGE_BYTES = 2 * 1024 * 1024;
const PAGE_ENTRIES = 8_192;

const TABLES = `
${TASK_TABLE}
CREATE TABLE IF NOT EXISTS millrace_checkpoints (
  task INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, head TEXT NOT NULL, entries INTEGER NOT NULL, digest INTEGER NOT NULL, sum INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS millrace_states (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE IF NOT EXISTS millrace_state (
  task INTEGER NOT NULL, state INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, sum INTEGER NOT NULL,
  PRIMARY KEY (task, state, key)) STRICT, WITHOUT ROWID;
`;

/** Makes the tables of checkpoints where they are not there. */
export function defineCheckpoints(db: Connection, path: string): void {
  if (db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'millrace_state'").get() !== undefined) return;
  db.transaction(() => {
    requireFormat(db, path);
    db.exec(TABLES);
  }).immediate();
}

/**
 * The state of each task as of its last checkpoint: one table that holds what is current, so there is nothing of old epochs to collect.
 * Every entry has a checksum, and the head one over all of them.
 */
export class StateTables {
  readonly #db: Connection;
  readonly #path: string;
  readonly #prepared = new Map<string, Statement>();

  constructor(db: Connection, path: string) {
    this.#db = db;
    this.#path = path;
  }

  /** The newest checkpoint of a task; throws `E_CHECKPOINT_CORRUPT` where it is not as it was written. */
  latest(task: string, id: number): SavedHead | undefined {
    const row = this.#head(id);
    if (row === undefined) {
      if (this.#prepare("SELECT 1 FROM millrace_state WHERE task = ? LIMIT 1").get(id) !== undefined)
        throw this.#corrupt(task, "its state is there, its head is not");
      return undefined;
    }
    if (headSum(task, row) !== row.sum) throw this.#corrupt(task, "its head has changed since it was written");
    return { epoch: row.epoch, head: row.head };
  }

  epoch(id: number): number | undefined {
    return this.#head(id)?.epoch;
  }

  /** Writes one epoch inside the caller's transaction. */
  save(task: string, id: number, saved: SavedHead, pieces: readonly Uint8Array[]): void {
    const row = this.#head(id);
    const digest = new Digest(row?.entries, row?.digest);
    for (const piece of pieces) this.#apply(task, id, piece, digest);
    const head: Omit<HeadRow, "sum"> = { ...saved, entries: digest.count, digest: digest.sum };
    this.#prepare(
      "INSERT OR REPLACE INTO millrace_checkpoints (task, epoch, head, entries, digest, sum) VALUES (?, ?, ?, ?, ?, ?)",
    ).run(id, head.epoch, head.head, head.entries, head.digest, headSum(task, head));
  }

  /** The next page of a task's entries. */
  page(id: number, { task, epoch, after }: PageCall): Page {
    const row = this.#head(id);
    if (row?.epoch !== epoch)
      throw new FileFailure(
        "E_CHECKPOINT_STORE",
        "fatal",
        `epoch ${epoch} of task "${task}" in ${this.#path} has been replaced by ${row?.epoch ?? "nothing"} while its entries were read`,
      );
    const digest = new Digest(after?.count, after?.sum);
    const writer = new ByteWriter(64 * 1_024);
    const names = new Map<number, { readonly name: string; readonly seed: number }>();
    let last: EntryRow | undefined;
    let count = 0;
    const rows = this.#prepare(
      `SELECT state, key, value, sum FROM millrace_state WHERE task = ? AND (state, key) > (?, ?) ORDER BY state, key LIMIT ${PAGE_ENTRIES}`,
    );
    for (const entry of rows.iterate(id, after?.state ?? 0, after?.key ?? EMPTY) as IterableIterator<EntryRow>) {
      const state = this.#nameOf(names, task, entry.state);
      if (entrySum(state.seed, entry.key, entry.value) !== entry.sum)
        throw this.#corrupt(task, `an entry of state "${state.name}" has changed since it was written`);
      digest.add(entry.sum);
      writer.text(last?.state === entry.state ? undefined : state.name);
      writer.blob(entry.key);
      writer.blob(entry.value);
      last = entry;
      count++;
      if (writer.length >= PAGE_BYTES) break;
    }
    if (last !== undefined && (count === PAGE_ENTRIES || writer.length >= PAGE_BYTES))
      return {
        entries: writer.take(),
        end: { state: last.state, key: Uint8Array.from(last.key), count: digest.count, sum: digest.sum },
      };
    if (digest.count !== row.entries || digest.sum !== row.digest)
      throw this.#corrupt(
        task,
        `it has ${digest.count} entries that do not add up to the ${row.entries} that were written`,
      );
    return { entries: writer.take(), end: undefined };
  }

  #apply(task: string, id: number, piece: Uint8Array, digest: Digest): void {
    const find = this.#prepare("SELECT sum FROM millrace_state WHERE task = ? AND state = ? AND key = ?").pluck();
    const put = this.#prepare(
      "INSERT OR REPLACE INTO millrace_state (task, state, key, value, sum) VALUES (?, ?, ?, ?, ?)",
    );
    const remove = this.#prepare("DELETE FROM millrace_state WHERE task = ? AND state = ? AND key = ?");
    let name: string | undefined;
    let seed = 0;
    let state = 0;
    for (const [entryState, key, value] of unpackEntries(piece)) {
      if (entryState !== name) {
        name = entryState;
        seed = sumSeed(task, name);
        state = this.#idOf(name);
      }
      const before = find.get(id, state, key) as number | undefined;
      if (before !== undefined) digest.remove(before);
      if (value === undefined) {
        if (before !== undefined) remove.run(id, state, key);
        continue;
      }
      const sum = entrySum(seed, key, value);
      put.run(id, state, key, value, sum);
      digest.add(sum);
    }
  }

  #idOf(name: string): number {
    this.#prepare("INSERT INTO millrace_states (name) VALUES (?) ON CONFLICT DO NOTHING").run(name);
    return (this.#prepare("SELECT id FROM millrace_states WHERE name = ?").get(name) as { id: number }).id;
  }

  #nameOf(
    names: Map<number, { readonly name: string; readonly seed: number }>,
    task: string,
    id: number,
  ): { readonly name: string; readonly seed: number } {
    let known = names.get(id);
    if (known === undefined) {
      const row = this.#prepare("SELECT name FROM millrace_states WHERE id = ?").get(id) as
        | { name: string }
        | undefined;
      if (row === undefined) throw this.#corrupt(task, "an entry is of a state that has no name");
      known = { name: row.name, seed: sumSeed(task, row.name) };
      names.set(id, known);
    }
    return known;
  }

  #head(id: number): HeadRow | undefined {
    return this.#prepare("SELECT epoch, head, entries, digest, sum FROM millrace_checkpoints WHERE task = ?").get(id) as
      | HeadRow
      | undefined;
  }

  #prepare(sql: string): Statement {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#prepared.set(sql, statement);
    }
    return statement;
  }

  #corrupt(task: string, why: string): FileFailure {
    return new FileFailure(
      "E_CHECKPOINT_CORRUPT",
      "fatal",
      corruptMessage(this.#path, `the checkpoint of task "${task}" is damaged: ${why}`),
    );
  }
}

/** What is wrong with a file of checkpoints, and the two ways on. */
export function corruptMessage(path: string, why: string): string {
  return `${path}: ${why}. Restore the file from a backup; or name another file for the checkpoints, which begins with empty state at the source's start`;
}

const EMPTY = Buffer.alloc(0);

function headSum(task: string, row: Omit<HeadRow, "sum">): number {
  return crc32(JSON.stringify([task, row.epoch, row.entries, row.digest, row.head]));
}
