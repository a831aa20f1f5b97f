import type { ErrorClass } from "@millrace/core";

/** Every code of this package. The README says what each one asks for. */
export type SqliteCode =
  | "E_SQLITE_OPEN"
  | "E_SQLITE_READONLY"
  | "E_SQLITE_FULL"
  | "E_SQLITE_BUSY"
  | "E_SQLITE_IO"
  | "E_SQLITE_CORRUPT"
  | "E_SQLITE_CONSTRAINT"
  | "E_SQLITE_FAILED"
  | "E_SQLITE_SCHEMA"
  | "E_SQLITE_PARTITIONS"
  | "E_SQLITE_POSITION"
  | "E_SQLITE_BEHIND_HEAD"
  | "E_SQLITE_MESSAGE"
  | "E_SQLITE_ROW"
  | "E_SQLITE_RANGE"
  | "E_SQLITE_BUFFER"
  | "E_SQLITE_THREAD";

/** Codes of the engine's own that a call on the file can end with. */
export type EngineCode = "E_ARGUMENT" | "E_FENCED" | "E_LEASE_HELD" | "E_CHECKPOINT_CORRUPT" | "E_CHECKPOINT_STORE";

/** What went wrong, as plain data that crosses from the thread that owns the file. */
export interface Failure {
  readonly code: SqliteCode | EngineCode;
  readonly class: ErrorClass;
  readonly message: string;
}

/** Thrown below the public surface, where neither `StreamError` nor `WriteError` is decided yet. */
export class FileFailure extends Error {
  override readonly name = "FileFailure";
  readonly code: Failure["code"];
  readonly class: ErrorClass;

  constructor(code: Failure["code"], errorClass: ErrorClass, message: string) {
    super(message);
    this.code = code;
    this.class = errorClass;
  }
}

interface Explanation {
  readonly code: SqliteCode;
  readonly class: ErrorClass;
  readonly advice: string;
}

/** By the first part of SQLite's own code; the longest match holds. */
const EXPLANATIONS: Readonly<Record<string, Explanation>> = {
  SQLITE_FULL: {
    code: "E_SQLITE_FULL",
    class: "fatal",
    advice: "the disk, or the file's maxBytes, is full: free space or raise the limit; nothing of this write was kept",
  },
  SQLITE_READONLY: {
    code: "E_SQLITE_READONLY",
    class: "fatal",
    advice: "the file or its directory can not be written by this process: give it write access to both",
  },
  SQLITE_CANTOPEN: {
    code: "E_SQLITE_OPEN",
    class: "fatal",
    advice: "its directory must exist and be writable, and the path must not be a directory",
  },
  SQLITE_PERM: {
    code: "E_SQLITE_OPEN",
    class: "fatal",
    advice: "give the process access to the file and its directory",
  },
  SQLITE_AUTH: {
    code: "E_SQLITE_OPEN",
    class: "fatal",
    advice: "give the process access to the file and its directory",
  },
  SQLITE_NOTADB: {
    code: "E_SQLITE_CORRUPT",
    class: "fatal",
    advice:
      "it is no SQLite database, or an encrypted or overwritten one: restore it from a backup or name another file",
  },
  SQLITE_CORRUPT: {
    code: "E_SQLITE_CORRUPT",
    class: "fatal",
    advice: "the file is damaged: restore it from a backup",
  },
  SQLITE_BUSY: {
    code: "E_SQLITE_BUSY",
    class: "transient",
    advice: "another process holds it locked: look for a long transaction there",
  },
  SQLITE_LOCKED: { code: "E_SQLITE_BUSY", class: "transient", advice: "another connection holds a table locked" },
  SQLITE_IOERR: {
    code: "E_SQLITE_IO",
    class: "fatal",
    advice: "the disk refuses to read or write: look into the system's log before starting again",
  },
  SQLITE_CONSTRAINT: { code: "E_SQLITE_CONSTRAINT", class: "poison", advice: "the table refuses this row" },
  SQLITE_MISMATCH: {
    code: "E_SQLITE_CONSTRAINT",
    class: "poison",
    advice: "a value has the wrong type for its column",
  },
  SQLITE_TOOBIG: {
    code: "E_SQLITE_CONSTRAINT",
    class: "poison",
    advice: "a value is larger than SQLite can keep (1 GB)",
  },
};

/** Puts any error of a call on `file` into words. */
export function explain(error: unknown, file: string): Failure {
  if (error instanceof FileFailure) return { code: error.code, class: error.class, message: error.message };
  const code = (error as { code?: unknown } | null)?.code;
  const message = error instanceof Error ? error.message : String(error);
  if (typeof code === "string" && code.startsWith("SQLITE_")) {
    const known = EXPLANATIONS[code] ?? EXPLANATIONS[code.split("_").slice(0, 2).join("_")];
    if (known !== undefined)
      return { code: known.code, class: known.class, message: `${file}: ${message} (${code}): ${known.advice}` };
    return { code: "E_SQLITE_FAILED", class: "fatal", message: `${file}: ${message} (${code})` };
  }
  // better-sqlite3 says so before SQLite is asked.
  if (message.includes("directory does not exist"))
    return { code: "E_SQLITE_OPEN", class: "fatal", message: `${file}: its directory does not exist: create it first` };
  return { code: "E_SQLITE_FAILED", class: "fatal", message: `${file}: ${message}` };
}
