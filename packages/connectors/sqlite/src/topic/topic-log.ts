import { type Connection, inTransaction } from "../file/database.js";
import { FileFailure } from "../file/failure.js";
import { type FlushMark, forgetIds, IdMemory, MAX_IDS_A_FLUSH, openWriter, type WriterFacts } from "./id-memory.js";
import { type LogMessage, unpackMessages } from "./message-bytes.js";
import { partitionOfBytes } from "./partitioner.js";
import { cutHead, MESSAGE_OVERHEAD_BYTES, type RetentionPlan } from "./retention.js";
import { findTopic, LogStatements, logTable, type PartitionState, type TopicFacts } from "./topic-tables.js";

/** A batch for the log, as it comes from another thread. */
export interface AppendCall {
  readonly topic: string;
  readonly messages: Uint8Array;
  readonly now: number;
  readonly retention: RetentionPlan;
  /** Who writes; with it, messages whose id the log already has are left out. */
  readonly writer?: WriterFacts;
}

export interface AppendResult {
  /** Where each message is, in order; for one left out, where it was already. */
  readonly partitions: Uint32Array<ArrayBuffer>;
  readonly offsets: Float64Array<ArrayBuffer>;
  /** How many the log already had. */
  readonly repeated: number;
  /** There were more ids than are kept without a flush, and the oldest are forgotten. */
  readonly idsForgotten: boolean;
}

export interface OpenWriterCall {
  readonly topic: string;
  readonly topology: string;
  readonly task: string;
  /** What the checkpoint has saved of an earlier life. */
  readonly committed: FlushMark | undefined;
}

/** Age is looked at this often; size at every append. */
const AGE_CHECK_MS = 10_000;

/** Writes topics: appends, ids, positions, retention. Lives in the thread that owns the file. */
export class TopicLog {
  readonly #db: Connection;
  readonly #path: string;
  readonly #idsAFlush: number;
  readonly #statements: LogStatements;
  readonly #ageChecked = new Map<number, number>();
  readonly #idsSinceFlush = new Map<number, number>();
  #unkeyed = 0;

  constructor(db: Connection, path: string, idsAFlush: number = MAX_IDS_A_FLUSH) {
    this.#db = db;
    this.#path = path;
    this.#idsAFlush = idsAFlush;
    this.#statements = new LogStatements(db);
  }

  append(call: AppendCall): AppendResult {
    return inTransaction(this.#db, () => this.appendInTransaction(call));
  }

  /** Appends inside the caller's transaction. */
  appendInTransaction({ topic: name, messages, now, retention, writer }: AppendCall): AppendResult {
    const topic = this.#topic(name);
    const states = this.#statements.states(topic.id);
    const ids = writer === undefined ? undefined : new IdMemory(this.#statements, topic, writer);
    const partitions: number[] = [];
    const offsets: number[] = [];
    let repeated = 0;
    let remembered = 0;
    for (const message of unpackMessages(messages)) {
      const place = message.id === undefined ? undefined : ids?.find(message.id, message);
      if (place !== undefined) repeated++;
      const { partition, offset } = place ?? this.#insert(topic, states, message);
      if (place === undefined && message.id !== undefined && ids !== undefined) {
        ids.remember(message.id, partition, offset);
        remembered++;
      }
      partitions.push(partition);
      offsets.push(offset);
    }
    this.#cut(topic, states, retention, now);
    this.#save(topic, states);
    const idsForgotten = writer !== undefined && this.#countIds(writer.writer, remembered);
    return { partitions: Uint32Array.from(partitions), offsets: Float64Array.from(offsets), repeated, idsForgotten };
  }

  openWriter(call: OpenWriterCall): WriterFacts {
    return inTransaction(this.#db, () => openWriter(this.#statements, this.#topic(call.topic), call));
  }

  flushWriter({ writer }: { readonly writer: number }): FlushMark {
    this.#idsSinceFlush.delete(writer);
    return inTransaction(this.#db, () => forgetIds(this.#statements, writer).mark);
  }

  /** Applies retention now, to the end. Returns how many messages went. */
  purge({
    topic: name,
    retention,
    now,
  }: {
    readonly topic: string;
    readonly retention: RetentionPlan;
    readonly now: number;
  }): number {
    let deleted = 0;
    for (let more = true; more; ) {
      more = inTransaction(this.#db, () => {
        const topic = this.#topic(name);
        const states = this.#statements.states(topic.id);
        const before = states.reduce((sum, { head }) => sum + head, 0);
        const again = states.map((state) => cutHead(this.#statements, topic, state, retention, now)).includes(true);
        this.#save(topic, states);
        deleted += states.reduce((sum, { head }) => sum + head, 0) - before;
        return again;
      });
    }
    return deleted;
  }

  #topic(name: string): TopicFacts {
    const topic = findTopic(this.#db, name);
    if (topic === undefined)
      throw new FileFailure(
        "E_SQLITE_SCHEMA",
        "fatal",
        `${this.#path} no longer has topic "${name}": was the file exchanged?`,
      );
    return topic;
  }

  #insert(
    topic: TopicFacts,
    states: readonly PartitionState[],
    message: LogMessage,
  ): { partition: number; offset: number } {
    const partition = this.#partitionOf(message, topic.partitions);
    const state = states[partition] as PartitionState;
    const offset = state.next++;
    const { timestamp, key, value, headers } = message;
    state.bytes += MESSAGE_OVERHEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0) + (headers?.length ?? 0);
    this.#statements
      .prepare(
        `INSERT INTO ${logTable(topic.id, partition)} (offset, timestamp, key, value, headers) VALUES (?, ?, ?, ?, ?)`,
      )
      .run(offset, timestamp, key ?? null, value ?? null, headers ?? null);
    return { partition, offset };
  }

  /** Said by the message; by its key; by its id, so that a replay agrees; else each in turn. */
  #partitionOf({ partition, key, id }: LogMessage, partitions: number): number {
    if (partition >= 0) return partition;
    const hashed = key ?? id;
    return hashed === undefined ? this.#unkeyed++ % partitions : partitionOfBytes(hashed, partitions);
  }

  #cut(topic: TopicFacts, states: readonly PartitionState[], retention: RetentionPlan, now: number): void {
    const { bytes } = retention;
    const ageDue =
      retention.ageMs !== undefined &&
      now - (this.#ageChecked.get(topic.id) ?? Number.NEGATIVE_INFINITY) >= AGE_CHECK_MS;
    if (ageDue) this.#ageChecked.set(topic.id, now);
    for (const state of states)
      if (ageDue || (bytes !== undefined && state.bytes > bytes))
        cutHead(this.#statements, topic, state, retention, now);
  }

  #save(topic: TopicFacts, states: readonly PartitionState[]): void {
    const update = this.#statements.prepare(
      "UPDATE millrace_partitions SET head = ?, next = ?, bytes = ? WHERE topic = ? AND partition = ?",
    );
    for (const { head, next, bytes, partition } of states) update.run(head, next, bytes, topic.id, partition);
  }

  /** True: the ids passed the limit, and the oldest of them are forgotten. */
  #countIds(writer: number, count: number): boolean {
    const total = (this.#idsSinceFlush.get(writer) ?? 0) + count;
    this.#idsSinceFlush.set(writer, total);
    if (total < this.#idsAFlush) return false;
    this.#idsSinceFlush.delete(writer);
    return forgetIds(this.#statements, writer).forgotten > 0;
  }
}
