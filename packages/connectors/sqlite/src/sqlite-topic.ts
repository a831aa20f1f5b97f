import type { Message, OutMessage, Sink, Source, Topic } from "@millrace/core";
import { ByteWriter } from "./file/bytes.js";
import { openReader } from "./file/database.js";
import { requireArgument, streamError } from "./file/error-forms.js";
import { acquireFile, type FileHandle } from "./file/file-thread.js";
import { announceAppend } from "./topic/append-signal.js";
import { LogReader } from "./topic/log-reader.js";
import { packMessage } from "./topic/message-bytes.js";
import { messageOfRow } from "./topic/partition-reader.js";
import { planTopic, type SqliteTopicOptions, type TopicSettings } from "./topic/topic-settings.js";
import { type TopicSinkOptions, topicSink } from "./topic/topic-sink.js";
import { type TopicSourceOptions, topicSource } from "./topic/topic-source.js";
import type { TopicFacts } from "./topic/topic-tables.js";

/** Where an appended message is. */
export interface MessagePlace {
  readonly partition: string;
  readonly offset: bigint;
}

/** What a topic holds. */
export interface TopicDescription {
  readonly partitions: readonly {
    readonly partition: string;
    /** The first offset that is kept. */
    readonly head: bigint;
    /** The offset of the next message. */
    readonly next: bigint;
    /** Bytes of keys, values and headers, and 24 a message. */
    readonly bytes: number;
  }[];
  /** What each group has committed: group → partition → the next offset it reads. */
  readonly groups: ReadonlyMap<string, ReadonlyMap<string, bigint>>;
}

/** A durable topic in a SQLite file. */
export interface SqliteTopic extends Topic, AsyncDisposable {
  readonly name: string;
  /** The absolute path of the file. */
  readonly file: string;
  /**
   * The topic as a source. It resumes at its position, then waits for more: woken at once by this process, by polling for others. Values
   * of a partition come in order; event times are the messages' timestamps.
   */
  source<T>(options: TopicSourceOptions<T>): Source<T>;
  /**
   * The topic as a sink. Idempotent: a value that a replay brings again (same id, same content) is not appended again. With
   * `sqliteCheckpoints` in the same file it is exactly-once.
   */
  sink<T>(options: TopicSinkOptions<T>): Sink<T>;
  /**
   * Appends outside of a topology: all messages or none, durable when it resolves. Returns where each is. Throws `E_SQLITE_MESSAGE` for
   * one that can not be a message, `E_SQLITE_FULL`, `E_SQLITE_READONLY` …
   */
  append(messages: OutMessage | readonly OutMessage[]): Promise<readonly MessagePlace[]>;
  /** All messages that are there now: partition after partition, each in offset order. */
  messages(options?: { readonly partition?: string }): AsyncIterable<Message>;
  /** How far each partition reaches, and what has been committed. */
  describe(): Promise<TopicDescription>;
  /** Applies retention now. Returns how many messages went. */
  purge(): Promise<number>;
  /** Forgets what a group has committed: its next run begins at `startAt`. Stop its runs first. */
  forgetGroup(group: string): Promise<void>;
  /** Frees what `append()` and the other methods here have opened. Sources and sinks are closed by their runs. */
  close(): Promise<void>;
}

/**
 * A durable topic in a SQLite file: partitions, keys, headers, offsets without gaps, retention. Swapping it for a Redpanda topic is one
 * line, and a key stays in the same partition number. Throws `E_ARGUMENT` or `E_DURATION` at the call; opens nothing before it is used.
 *
 * @example
 * ```ts
 * import { from } from "@millrace/core";
 * import { sqliteTopic } from "@millrace/sqlite";
 * const events = sqliteTopic({ file: "app.db", name: "events" });
 * await events.append({ key: "ada", value: "hello" });
 * const text = new TextDecoder();
 * console.log(await from(events.source({ decode: ({ value }) => text.decode(value), stopAt: "latest" })).collect());
 * await events.close();
 * ```
 */
export function sqliteTopic(options: SqliteTopicOptions): SqliteTopic {
  return new FileTopic(planTopic(options));
}

interface Opened {
  readonly handle: FileHandle;
  readonly topic: TopicFacts;
}

/** A page of `messages()`. */
const PAGE_MESSAGES = 1_024;
const PAGE_BYTES = 1024 * 1024;

class FileTopic implements SqliteTopic {
  readonly #settings: TopicSettings;
  #opened: Promise<Opened> | undefined;

  constructor(settings: TopicSettings) {
    this.#settings = settings;
  }

  get name(): string {
    return this.#settings.name;
  }

  get file(): string {
    return this.#settings.path;
  }

  source<T>(options: TopicSourceOptions<T>): Source<T> {
    return topicSource(this.#settings, options);
  }

  sink<T>(options: TopicSinkOptions<T>): Sink<T> {
    return topicSink(this.#settings, options);
  }

  append(messages: OutMessage | readonly OutMessage[]): Promise<readonly MessagePlace[]> {
    const { name, path, retention, clock } = this.#settings;
    return this.#do(async ({ handle, topic }) => {
      const list = Array.isArray(messages) ? (messages as readonly OutMessage[]) : [messages as OutMessage];
      const now = clock.now();
      const writer = new ByteWriter();
      for (const message of list)
        packMessage(message, { id: undefined, time: undefined, now, partitions: topic.partitions }, writer);
      const packed = writer.take();
      const { partitions, offsets } = await handle.call("append", { topic: name, messages: packed, now, retention }, [
        packed.buffer,
      ]);
      announceAppend(path, name);
      return Array.from(partitions, (partition, i) => ({
        partition: String(partition),
        offset: BigInt(offsets[i] as number),
      }));
    });
  }

  async *messages({ partition }: { readonly partition?: string } = {}): AsyncGenerator<Message> {
    const { name, path } = this.#settings;
    const { topic } = await this.#do((opened) => Promise.resolve(opened));
    const numbers = Array.from({ length: topic.partitions }, (_, i) => i);
    requireArgument(
      partition === undefined || numbers.some((number) => String(number) === partition),
      `topic "${name}" has no partition ${JSON.stringify(partition)}`,
    );
    const db = openReader(path);
    try {
      for (const number of partition === undefined ? numbers : [Number(partition)]) {
        const log = new LogReader(db, topic, number);
        const { head, next } = log.bounds();
        for (let from = head; from < next; ) {
          const { rows } = log.read(from, next, PAGE_MESSAGES, PAGE_BYTES);
          if (rows.length === 0) break;
          for (const row of rows) yield messageOfRow(row, String(number));
          from = (rows.at(-1)?.offset ?? from) + 1;
        }
      }
    } catch (error) {
      throw streamError(error, path);
    } finally {
      db.close();
    }
  }

  describe(): Promise<TopicDescription> {
    return this.#do(async ({ topic }) => {
      const db = openReader(this.#settings.path);
      try {
        const partitions = Array.from({ length: topic.partitions }, (_, partition) => {
          const { head, next, bytes } = new LogReader(db, topic, partition).bounds();
          return { partition: String(partition), head: BigInt(head), next: BigInt(next), bytes };
        });
        const groups = new Map<string, Map<string, bigint>>();
        const rows = db.prepare(
          "SELECT consumer, partition, position FROM millrace_positions WHERE topic = ? ORDER BY consumer, partition",
        );
        for (const row of rows.all(topic.id) as { consumer: string; partition: number; position: number }[]) {
          const group = groups.get(row.consumer) ?? new Map<string, bigint>();
          groups.set(row.consumer, group.set(String(row.partition), BigInt(row.position)));
        }
        return { partitions, groups };
      } finally {
        db.close();
      }
    });
  }

  purge(): Promise<number> {
    const { name, retention, clock } = this.#settings;
    return this.#do(({ handle }) => handle.call("purge", { topic: name, retention, now: clock.now() }));
  }

  forgetGroup(group: string): Promise<void> {
    return this.#do(({ handle, topic }) => handle.call("forgetGroup", { topic: topic.id, group }));
  }

  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    await opened?.then(
      ({ handle }) => handle.release(),
      () => {},
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #do<R>(work: (opened: Opened) => Promise<R>): Promise<R> {
    try {
      this.#opened ??= this.#open();
      return await work(await this.#opened);
    } catch (error) {
      throw streamError(error, this.#settings.path);
    }
  }

  async #open(): Promise<Opened> {
    const { name, path, partitions } = this.#settings;
    let handle: FileHandle | undefined;
    try {
      handle = await acquireFile(path);
      return { handle, topic: await handle.call("defineTopic", { name, partitions }) };
    } catch (error) {
      this.#opened = undefined;
      await handle?.release();
      throw error;
    }
  }
}
