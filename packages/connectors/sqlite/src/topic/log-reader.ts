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

/** Reads one partition of a topic on a connection of its own thread; a write never blocks it. */
export class LogReader {
  readonly #rows: Statement;
  readonly #bounds: Statement;
  readonly #since: Statement;
  readonly #topic: number;
  readonly #partition: number;

  constructor(db: Connection, topic: TopicFacts, partition: number) {
    const table = logTable(topic.id, partition);
    this.#rows = db.prepare(
      `SELECT offset, timestamp, key, value, headers FROM ${table} WHERE offset >= ? AND offset < ? ORDER BY offset LIMIT ?`,
    );
    this.#since = db.prepare(`SELECT offset FROM ${table} WHERE timestamp >= ? ORDER BY offset LIMIT 1`).pluck();
    this.#bounds = db.prepare("SELECT head, next, bytes FROM millrace_partitions WHERE topic = ? AND partition = ?");
    this.#topic = topic.id;
    this.#partition = partition;
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
    const rows: LogRow[] = [];
    let bytes = 0;
    for (const row of this.#rows.iterate(from, to, maxCount) as IterableIterator<LogRow>) {
      rows.push(row);
      bytes += (row.key?.length ?? 0) + (row.value?.length ?? 0) + (row.headers?.length ?? 0);
      if (bytes >= maxBytes) break;
    }
    return { rows, bytes, cut: rows.length >= maxCount || bytes >= maxBytes };
  }
}
