import type { LogMessage } from "./message-bytes.js";
import { type LogStatements, logTable, type TopicFacts } from "./topic-tables.js";

/** Which writer appends: one life of a task's sink, for a process that starts again gets a new one. */
export interface WriterFacts {
  readonly writer: number;
  /** The topology and topic: within it an id is known again, whichever task or life wrote it. */
  readonly producer: number;
}

/** What a flush saves in the checkpoint: once that is committed, no id before it comes again. */
export interface FlushMark {
  readonly writer: number;
  readonly flush: number;
}

/**
 * A life keeps the ids of this many of its flushes. The engine ends a run after three epochs in a row that were not committed, so an
 * earlier flush than the last four of a life is committed for certain; the rest is margin. Time plays no part: a process may be down
 * for a year.
 */
const KEPT_FLUSHES = 8;
/**
 * What an earlier life wrote and never committed is kept until a replay brings it, which may be far behind at first. Ids that no replay
 * brings (its outcome was another) go after so many flushes of a later life.
 */
const KEPT_LEFTOVER_FLUSHES = 10_000;
/** So many ids count as a flush of their own, or a run that takes no checkpoints would keep them for ever. */
export const MAX_IDS_A_FLUSH = 1_000_000;

interface StoredMessage {
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Buffer | null;
}

/** Begins a new life of a task's writer. `committed`: the mark of the checkpoint it resumes from. */
export function openWriter(
  statements: LogStatements,
  topic: TopicFacts,
  {
    topology,
    task,
    committed,
  }: { readonly topology: string; readonly task: string; readonly committed: FlushMark | undefined },
): WriterFacts {
  statements
    .prepare("INSERT INTO millrace_producers (topic, topology) VALUES (?, ?) ON CONFLICT DO NOTHING")
    .run(topic.id, topology);
  const producer = statements
    .prepare("SELECT id FROM millrace_producers WHERE topic = ? AND topology = ?")
    .pluck()
    .get(topic.id, topology) as number;
  if (committed !== undefined)
    statements
      .prepare("DELETE FROM millrace_ids WHERE producer = ? AND writer = ? AND flush < ?")
      .run(producer, committed.writer, committed.flush);
  statements
    .prepare(
      "DELETE FROM millrace_writers WHERE producer = ? AND task = ? AND NOT EXISTS (SELECT 1 FROM millrace_ids WHERE writer = millrace_writers.id)",
    )
    .run(producer, task);
  const { lastInsertRowid } = statements
    .prepare("INSERT INTO millrace_writers (producer, task, flushes) VALUES (?, ?, 0)")
    .run(producer, task);
  return { writer: Number(lastInsertRowid), producer };
}

/** Counts a flush of the writer and forgets the ids that no replay can bring again. */
export function forgetIds(
  statements: LogStatements,
  writer: number,
): { readonly mark: FlushMark; readonly forgotten: number } {
  statements.prepare("UPDATE millrace_writers SET flushes = flushes + 1 WHERE id = ?").run(writer);
  const flush = flushesOf(statements, writer);
  const { changes } = statements
    .prepare("DELETE FROM millrace_ids WHERE writer = ? AND flush < ?")
    .run(writer, flush - KEPT_FLUSHES);
  if (flush % KEPT_LEFTOVER_FLUSHES === 0)
    statements
      .prepare(
        "DELETE FROM millrace_ids WHERE writer IN (SELECT old.id FROM millrace_writers own JOIN millrace_writers old USING (producer, task) WHERE own.id = ? AND old.id < own.id)",
      )
      .run(writer);
  return { mark: { writer, flush }, forgotten: changes };
}

/** The ids of one batch. */
export class IdMemory {
  readonly #statements: LogStatements;
  readonly #topic: TopicFacts;
  readonly #facts: WriterFacts;
  readonly #flush: number;

  constructor(statements: LogStatements, topic: TopicFacts, facts: WriterFacts) {
    this.#statements = statements;
    this.#topic = topic;
    this.#facts = facts;
    this.#flush = flushesOf(statements, facts.writer);
  }

  /**
   * Where the log already has this message: the same id with the same content. An id that comes with other content is another message
   * (a window that fired again, an input that was exchanged) and is appended, for nothing may be lost silently.
   */
  find(id: Buffer, message: LogMessage): { readonly partition: number; readonly offset: number } | undefined {
    const places = this.#statements
      .prepare("SELECT partition, offset FROM millrace_ids WHERE producer = ? AND id = ?")
      .all(this.#facts.producer, id) as {
      partition: number;
      offset: number;
    }[];
    const place = places.find(({ partition, offset }) => {
      const stored = this.#statements
        .prepare(`SELECT timestamp, key, value, headers FROM ${logTable(this.#topic.id, partition)} WHERE offset = ?`)
        .get(offset) as StoredMessage | undefined;
      // What retention has deleted can not be compared; the id alone must do.
      return stored === undefined || isSame(stored, message);
    });
    if (place !== undefined) this.#adopt(id, place);
    return place;
  }

  /** What an earlier life wrote is from now on as if this one had: kept until this one has committed it. */
  #adopt(id: Buffer, { partition, offset }: { readonly partition: number; readonly offset: number }): void {
    this.#statements
      .prepare(
        "UPDATE millrace_ids SET writer = ?, flush = ? WHERE producer = ? AND id = ? AND partition = ? AND offset = ?",
      )
      .run(this.#facts.writer, this.#flush, this.#facts.producer, id, partition, offset);
  }

  remember(id: Buffer, partition: number, offset: number): void {
    this.#statements
      .prepare("INSERT INTO millrace_ids (producer, id, partition, offset, writer, flush) VALUES (?, ?, ?, ?, ?, ?)")
      .run(this.#facts.producer, id, partition, offset, this.#facts.writer, this.#flush);
  }
}

function flushesOf(statements: LogStatements, writer: number): number {
  return statements.prepare("SELECT flushes FROM millrace_writers WHERE id = ?").pluck().get(writer) as number;
}

function isSame(stored: StoredMessage, message: LogMessage): boolean {
  return (
    (!message.timed || stored.timestamp === message.timestamp) &&
    sameBytes(stored.key, message.key) &&
    sameBytes(stored.value, message.value) &&
    sameBytes(stored.headers, message.headers)
  );
}

function sameBytes(left: Buffer | null, right: Buffer | undefined): boolean {
  if (left === null || right === undefined) return left === null && right === undefined;
  return left.equals(right);
}
