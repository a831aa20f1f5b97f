import { closeSync, existsSync, fdatasync, ftruncateSync, mkdirSync, openSync, readFileSync, write } from "node:fs";
import { dirname } from "node:path";
import type { Changes, Entry, Posting } from "./graph-store.js";
import type { Scalar } from "./scalar.js";

/** What is written before it is answered. */
export type LogRecord =
  | { readonly kind: "commit"; readonly ts: number; readonly uid: number; readonly changes: Changes }
  | { readonly kind: "schema"; readonly ts: number; readonly text: string }
  | { readonly kind: "drop"; readonly ts: number };

/** A line a record. Records that come while the disk is busy are written together; a torn last line is cut off. */
export class WriteAheadFile {
  readonly #file: number;
  #waiting: { readonly line: string; done(): void; failed(error: Error): void }[] = [];
  #writing = false;

  private constructor(file: number) {
    this.#file = file;
  }

  static open(path: string, replay: (record: LogRecord) => void): WriteAheadFile {
    mkdirSync(dirname(path), { recursive: true });
    const bytes = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
    const whole = bytes.lastIndexOf(10) + 1;
    const file = openSync(path, "a+");
    if (whole < bytes.length) ftruncateSync(file, whole);
    for (const line of bytes.subarray(0, whole).toString().split("\n")) if (line !== "") replay(recordOf(line));
    return new WriteAheadFile(file);
  }

  /** Resolves when the record survives the process. */
  append(record: LogRecord): Promise<void> {
    return new Promise((done, failed) => {
      this.#waiting.push({ line: lineOf(record), done, failed });
      if (!this.#writing) this.#write();
    });
  }

  close(): void {
    closeSync(this.#file);
  }

  #write(): void {
    const batch = this.#waiting;
    this.#waiting = [];
    this.#writing = true;
    const over = (error: Error | null): void => {
      for (const { done, failed } of batch) error === null ? done() : failed(error);
      if (this.#waiting.length > 0) this.#write();
      else this.#writing = false;
    };
    writeAll(this.#file, Buffer.from(batch.map(({ line }) => line).join("")), (error) => {
      if (error !== null) over(error);
      else fdatasync(this.#file, over);
    });
  }
}

function writeAll(file: number, bytes: Buffer, done: (error: Error | null) => void): void {
  write(file, bytes, (error, written) => {
    if (error !== null || written === bytes.length) done(error);
    else writeAll(file, bytes.subarray(written), done);
  });
}

type EntryForm = readonly [key: string, value: Scalar | null, facets: readonly (readonly [string, Scalar])[]];

function lineOf(record: LogRecord): string {
  if (record.kind !== "commit") return `${JSON.stringify(record)}\n`;
  const changes = [...record.changes].map(([predicate, cells]) => [
    predicate,
    [...cells].map(([uid, posting]) => [
      uid,
      [...posting].map(([key, { value, facets }]): EntryForm => [key, value ?? null, [...(facets ?? [])]]),
    ]),
  ]);
  return `${JSON.stringify({ ...record, changes })}\n`;
}

function recordOf(line: string): LogRecord {
  const record = JSON.parse(line);
  if (record.kind !== "commit") return record;
  const changes: Changes = new Map();
  for (const [predicate, cells] of record.changes as [string, [number, EntryForm[]][]][])
    changes.set(predicate, new Map(cells.map(([uid, entries]) => [uid, postingOf(entries)])));
  return { ...record, changes };
}

function postingOf(entries: readonly EntryForm[]): Posting {
  return new Map(
    entries.map(([key, value, facets]): [string, Entry] => [
      key,
      { ...(value === null ? {} : { value }), ...(facets.length === 0 ? {} : { facets: new Map(facets) }) },
    ]),
  );
}
