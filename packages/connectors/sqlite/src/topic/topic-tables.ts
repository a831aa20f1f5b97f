import { type Connection, inTransaction, requireFormat, type Statement } from "../file/database.js";
import { FileFailure } from "../file/failure.js";

/** A topic as the file knows it. */
export interface TopicFacts {
  readonly id: number;
  readonly name: string;
  readonly partitions: number;
}

/** How far a partition reaches: its first offset that is kept, the one the next message gets, and the bytes between. */
export interface PartitionState {
  readonly partition: number;
  head: number;
  next: number;
  bytes: number;
}

/** A partition whose number is not said has this many. */
export const DEFAULT_PARTITIONS = 4;
export const MAX_PARTITIONS = 1_024;

// AUTOINCREMENT: a checkpoint may name a writer that is gone, and no other may get its number.
// A table a partition: an append goes to the right edge of its own tree, and what retention deletes are whole pages at the left edge.
const TABLES = `
CREATE TABLE IF NOT EXISTS millrace_topics (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, partitions INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS millrace_partitions (
  topic INTEGER NOT NULL, partition INTEGER NOT NULL, head INTEGER NOT NULL, next INTEGER NOT NULL, bytes INTEGER NOT NULL,
  PRIMARY KEY (topic, partition)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS millrace_positions (
  topic INTEGER NOT NULL, consumer TEXT NOT NULL, partition INTEGER NOT NULL, position INTEGER NOT NULL, generation INTEGER NOT NULL,
  PRIMARY KEY (topic, consumer, partition)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS millrace_producers (
  id INTEGER PRIMARY KEY, topic INTEGER NOT NULL, topology TEXT NOT NULL, UNIQUE (topic, topology)) STRICT;
CREATE TABLE IF NOT EXISTS millrace_writers (
  id INTEGER PRIMARY KEY AUTOINCREMENT, producer INTEGER NOT NULL, task TEXT NOT NULL, flushes INTEGER NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS millrace_writers_by_task ON millrace_writers (producer, task);
CREATE TABLE IF NOT EXISTS millrace_ids (
  producer INTEGER NOT NULL, id BLOB NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL, writer INTEGER NOT NULL, flush INTEGER NOT NULL,
  PRIMARY KEY (producer, id, partition, offset)) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS millrace_ids_by_flush ON millrace_ids (writer, flush);
`;

/** The table that holds a partition's messages. */
export function logTable(topic: number, partition: number): string {
  return `millrace_log_${topic}_${partition}`;
}

/** Finds a topic, or makes it where it is not there. `partitions` undefined: as many as it has, else the default. */
export function defineTopic(db: Connection, path: string, name: string, partitions: number | undefined): TopicFacts {
  const found =
    findTopic(db, name) ?? inTransaction(db, () => createTopic(db, path, name, partitions ?? DEFAULT_PARTITIONS));
  if (partitions !== undefined && partitions !== found.partitions)
    throw new FileFailure(
      "E_SQLITE_PARTITIONS",
      "fatal",
      `topic "${name}" in ${path} has ${found.partitions} partitions, not ${partitions}: keys would move to other partitions. Leave the option out, or copy the messages into a new topic`,
    );
  return found;
}

/** The topic of this name, if there is one. */
export function findTopic(db: Connection, name: string): TopicFacts | undefined {
  const known = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'millrace_topics'").get();
  if (known === undefined) return undefined;
  return db.prepare("SELECT id, name, partitions FROM millrace_topics WHERE name = ?").get(name) as
    | TopicFacts
    | undefined;
}

function createTopic(db: Connection, path: string, name: string, partitions: number): TopicFacts {
  requireFormat(db, path);
  db.exec(TABLES);
  const raced = findTopic(db, name);
  if (raced !== undefined) return raced;
  const id = Number(
    db.prepare("INSERT INTO millrace_topics (name, partitions) VALUES (?, ?)").run(name, partitions).lastInsertRowid,
  );
  const partition = db.prepare("INSERT INTO millrace_partitions VALUES (?, ?, 0, 0, 0)");
  for (let i = 0; i < partitions; i++) {
    partition.run(id, i);
    db.exec(
      `CREATE TABLE ${logTable(id, i)} (offset INTEGER PRIMARY KEY, timestamp REAL NOT NULL, key BLOB, value BLOB, headers BLOB) STRICT`,
    );
  }
  return { id, name, partitions };
}

/** The prepared statements on the partitions of the file's topics. */
export class LogStatements {
  readonly #db: Connection;
  readonly #prepared = new Map<string, Statement>();

  constructor(db: Connection) {
    this.#db = db;
  }

  states(topic: number): PartitionState[] {
    return this.prepare(
      "SELECT partition, head, next, bytes FROM millrace_partitions WHERE topic = ? ORDER BY partition",
    ).all(topic) as PartitionState[];
  }

  /** Prepared once, whatever the number of calls. */
  prepare(sql: string): Statement {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#prepared.set(sql, statement);
    }
    return statement;
  }
}
