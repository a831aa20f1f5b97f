import Database from "better-sqlite3";
import { FileFailure } from "./failure.js";

export type Connection = Database.Database;
export type Statement = Database.Statement<unknown[]>;

/** A writer waits so long for another process's transaction; it waits in the thread that owns the file, never in the event loop. */
const WRITE_LOCK_MS = 30_000;
/** A reader in WAL mode waits only while another process recovers the log after a crash. */
const READ_LOCK_MS = 5_000;
/** The write-ahead log is cut back to this after a large commit. */
const LOG_LIMIT_BYTES = 64 * 1024 * 1024;

/** Opens the file to write, and makes it if it is not there. WAL: readers never wait for a writer. FULL: a commit survives a power cut. */
export function openWriter(path: string): Connection {
  const db = new Database(path, { timeout: WRITE_LOCK_MS });
  try {
    const mode = db.pragma("journal_mode = WAL", { simple: true });
    if (mode !== "wal")
      throw new FileFailure(
        "E_SQLITE_OPEN",
        "fatal",
        `${path}: its file system allows no write-ahead log (journal mode is ${String(mode)}): put the file on a local disk`,
      );
    const encoding = db.pragma("encoding", { simple: true });
    // Texts that are put together of bytes would be changed on their way.
    if (encoding !== "UTF-8")
      throw new FileFailure(
        "E_SQLITE_OPEN",
        "fatal",
        `${path} is encoded in ${String(encoding)}: only UTF-8 can be used`,
      );
    db.pragma("synchronous = FULL");
    db.pragma(`journal_size_limit = ${LOG_LIMIT_BYTES}`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Opens the file to read only. */
export function openReader(path: string): Connection {
  return new Database(path, { readonly: true, fileMustExist: true, timeout: READ_LOCK_MS });
}

/** Runs `work` in one transaction that takes the write lock at once: a lock taken late could fail half way. */
export function inTransaction<R>(db: Connection, work: () => R): R {
  return db.transaction(work).immediate();
}

/** A name as SQL: whatever is in it, it stays one name. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

const FORMAT = 1;

/** Notes in the file in which format our own tables are, and refuses those of a later version. */
export function requireFormat(db: Connection, path: string): void {
  db.exec("CREATE TABLE IF NOT EXISTS millrace_format (version INTEGER NOT NULL) STRICT");
  const version = db.prepare("SELECT version FROM millrace_format").pluck().get();
  if (version === undefined) db.prepare("INSERT INTO millrace_format VALUES (?)").run(FORMAT);
  else if (version !== FORMAT)
    throw new FileFailure(
      "E_SQLITE_SCHEMA",
      "fatal",
      `${path} was written in format ${String(version)} by another version of @millrace/sqlite, which writes format ${FORMAT}: use that version`,
    );
}
