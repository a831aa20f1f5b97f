import type { LogMessage } from "./message-bytes.js";
import { type LogStatements, logTable, type TopicFacts } from "./topic-tables.js";

/** Which writer appends, for telling a replay from a new message. */
export interface WriterFacts {
  readonly writer: number;
  readonly producer: number;
}

/**
 * The ids of this many flushes are kept. A replay begins at the last committed checkpoint, and the engine ends a run after three
 * epochs in a row that were not committed, so four would do; the rest is margin. Time plays no part: a process may be down for a year.
 */
const KEPT_FLUSHES = 8;
/** So many ids count as a flush of their own, or a run that takes no checkpoints would keep them for ever. */
export const MAX_IDS_A_FLUSH = 1_000_000;

interface StoredMessage {
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Buffer | null;
}

/** The writer of one task of a topology, known again after a restart. */
export function findWriter(statements: LogStatements, topic: TopicFacts, topology: string, task: string): WriterFacts {
  statements
    .prepare("INSERT INTO millrace_producers (topic, topology) VALUES (?, ?) ON CONFLICT DO NOTHING")
    .run(topic.id, topology);
  const producer = statements
    .prepare("SELECT id FROM millrace_producers WHERE topic = ? AND topology = ?")
    .get(topic.id, topology) as { id: number };
  statements
    .prepare("INSERT INTO millrace_writers (producer, task, flushes) VALUES (?, ?, 0) ON CONFLICT DO NOTHING")
    .run(producer.id, task);
  const writer = statements
    .prepare("SELECT id FROM millrace_writers WHERE producer = ? AND task = ?")
    .get(producer.id, task) as { id: number };
  return { writer: writer.id, producer: producer.id };
}

/** Counts a flush of the writer and forgets the ids that no replay can bring again. */
export function forgetIds(statements: LogStatements, writer: number): void {
  statements.prepare("UPDATE millrace_writers SET flushes = flushes + 1 WHERE id = ?").run(writer);
  statements
    .prepare("DELETE FROM millrace_ids WHERE writer = ? AND flush < ?")
    .run(writer, flushesOf(statements, writer) - KEPT_FLUSHES);
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
    return places.find(({ partition, offset }) => {
      const stored = this.#statements
        .prepare(`SELECT timestamp, key, value, headers FROM ${logTable(this.#topic.id, partition)} WHERE offset = ?`)
        .get(offset) as StoredMessage | undefined;
      // What retention has deleted can not be compared; the id alone must do.
      return stored === undefined || isSame(stored, message);
    });
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
