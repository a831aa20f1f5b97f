import type { Connection, Statement } from "../file/database.js";
import { logTable, type TopicFacts } from "./topic-tables.js";

/** A message as the file keeps it. */
export interface LogRow {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Buffer | null;
}

export interface LogSlice {
  readonly rows: readonly LogRow[];
  readonly bytes: number;
  /** A limit ended it: there may be more. */
  readonly cut: boolean;
}

/** The bounds of one partition's log. */
export interface LogBounds {
  readonly head: number;
  readonly next: number;
  readonly bytes: number;
}

type Outline = readonly [
  offset: number,
  timestamp: number,
  key: number | null,
  value: number | null,
  headers: number | null,
];

const NOTHING: LogSlice = { rows: [], bytes: 0, cut: false };

/** Reads one partition of a topic on a connection of its own thread; a write never blocks it. */
export class LogReader {
  readonly #outlines: Statement;
  readonly #contents: Statement;
  readonly #bounds: Statement;
  readonly #since: Statement;
  readonly #topic: number;
  readonly #partition: number;
  /** Both statements of a slice see the same moment. */
  readonly #slice: (from: number, to: number, maxCount: number, maxBytes: number) => LogSlice;

  constructor(db: Connection, topic: TopicFacts, partition: number) {
    const table = logTable(topic.id, partition);
    this.#outlines = db
      .prepare(
        `SELECT offset, timestamp, length(key), length(value), length(headers) FROM ${table} WHERE offset >= ? AND offset < ? ORDER BY offset LIMIT ?`,
      )
      .raw();
    // A Buffer for each key and value would cost more than all the rest: the bytes of a slice come in one and are cut up here.
    this.#contents = db
      .prepare(
        `SELECT CAST(group_concat(content, '') AS BLOB) FROM (SELECT ifnull(key, '') || ifnull(value, '') || ifnull(headers, '') AS content FROM ${table} WHERE offset >= ? AND offset <= ? ORDER BY offset)`,
      )
      .pluck();
    this.#since = db.prepare(`SELECT offset FROM ${table} WHERE timestamp >= ? ORDER BY offset LIMIT 1`).pluck();
    this.#bounds = db.prepare("SELECT head, next, bytes FROM millrace_partitions WHERE topic = ? AND partition = ?");
    this.#topic = topic.id;
    this.#partition = partition;
    this.#slice = db.transaction((from, to, maxCount, maxBytes) => this.#readSlice(from, to, maxCount, maxBytes));
  }

  bounds(): LogBounds {
    return this.#bounds.get(this.#topic, this.#partition) as LogBounds;
  }

  /** The first message with this timestamp or a later one, else the end. */
  offsetSince(timestamp: number): number {
    return (this.#since.get(timestamp) as number | undefined) ?? this.bounds().next;
  }

  /** Messages in order from `from` up to, not including, `to`: at most `maxCount`, and no more once there are `maxBytes`. */
  read(from: number, to: number, maxCount: number, maxBytes: number): LogSlice {
    return this.#slice(from, to, maxCount, maxBytes);
  }

  #readSlice(from: number, to: number, maxCount: number, maxBytes: number): LogSlice {
    const outlines = this.#outlines.all(from, to, maxCount) as Outline[];
    const count = countWithin(outlines, maxBytes);
    const [first, last] = [outlines[0], outlines[count - 1]];
    if (first === undefined || last === undefined) return NOTHING;
    const contents = (this.#contents.get(first[0], last[0]) as Buffer | null) ?? Buffer.alloc(0);
    let at = 0;
    const part = (length: number | null): Buffer | null => {
      if (length === null) return null;
      at += length;
      return contents.subarray(at - length, at);
    };
    const rows = outlines.slice(0, count).map(([offset, timestamp, key, value, headers]): LogRow => {
      return { offset, timestamp, key: part(key), value: part(value), headers: part(headers) };
    });
    return { rows, bytes: at, cut: outlines.length >= maxCount || count < outlines.length || at >= maxBytes };
  }
}

/** How many messages there are up to the one that fills the bytes. */
function countWithin(outlines: readonly Outline[], maxBytes: number): number {
  let bytes = 0;
  for (const [i, [, , key, value, headers]] of outlines.entries()) {
    bytes += (key ?? 0) + (value ?? 0) + (headers ?? 0);
    if (bytes >= maxBytes) return i + 1;
  }
  return outlines.length;
}
