import {
  type AssignmentListener,
  type Health,
  type Key,
  type Message,
  type Position,
  type Source,
  type SourceConnection,
  type SourceContext,
  type SourceReader,
  StreamError,
} from "@millrace/core";
import { type Connection, openReader } from "../file/database.js";
import { requireArgument, streamError } from "../file/error-forms.js";
import { acquireFile, type FileHandle } from "../file/file-thread.js";
import { healthOf } from "../file/health.js";
import { generationOf, positionOf } from "./group-positions.js";
import { LogReader } from "./log-reader.js";
import { PartitionReader } from "./partition-reader.js";
import { partitionOfKey } from "./partitioner.js";
import { TailWatch } from "./tail-watch.js";
import type { TopicSettings } from "./topic-settings.js";
import type { TopicFacts } from "./topic-tables.js";

/** Options of a topic's `source()`. */
export interface TopicSourceOptions<T> {
  /** Makes a value of a message. What it throws makes the message a dead letter of the first `onError` below the source. */
  readonly decode: (message: Message) => T;
  /** Where to begin without a committed position. Default: the run's. */
  readonly startAt?: "earliest" | "latest" | Date;
  /** `"latest"`: end at what each partition holds when it is opened, as `stop()` would. Default: wait for more, for ever. */
  readonly stopAt?: "latest";
}

/** The topic as a source: resumes by position, then waits for what comes. */
export function topicSource<T>(settings: TopicSettings, options: TopicSourceOptions<T>): Source<T> {
  const { startAt, stopAt, decode } = options;
  const what = `sqliteTopic "${settings.name}".source()`;
  requireArgument(typeof decode === "function", `${what}: decode must be a function`);
  requireArgument(
    startAt === undefined ||
      startAt === "earliest" ||
      startAt === "latest" ||
      (startAt instanceof Date && !Number.isNaN(startAt.getTime())),
    `${what}: startAt must be "earliest", "latest" or a Date`,
  );
  requireArgument(stopAt === undefined || stopAt === "latest", `${what}: stopAt must be "latest"`);
  return {
    name: settings.name,
    partitioned: true,
    connect: (context) => TopicConnection.open(settings, options, context),
  };
}

class TopicConnection<T> implements SourceConnection<T> {
  readonly #settings: TopicSettings;
  readonly #options: TopicSourceOptions<T>;
  readonly #context: SourceContext;
  readonly #handle: FileHandle;
  readonly #db: Connection;
  readonly #topic: TopicFacts;
  readonly #tail: TailWatch;
  readonly #group: string;
  readonly #readers: PartitionReader<T>[] = [];
  #closed: Promise<void> | undefined;

  static async open<T>(
    settings: TopicSettings,
    options: TopicSourceOptions<T>,
    context: SourceContext,
  ): Promise<TopicConnection<T>> {
    let handle: FileHandle | undefined;
    try {
      handle = await acquireFile(settings.path);
      const topic = await handle.call("defineTopic", { name: settings.name, partitions: settings.partitions });
      return new TopicConnection(settings, options, context, handle, openReader(settings.path), topic);
    } catch (error) {
      await handle?.release();
      throw streamError(error, settings.path);
    }
  }

  private constructor(
    settings: TopicSettings,
    options: TopicSourceOptions<T>,
    context: SourceContext,
    handle: FileHandle,
    db: Connection,
    topic: TopicFacts,
  ) {
    this.#settings = settings;
    this.#options = options;
    this.#context = context;
    this.#handle = handle;
    this.#db = db;
    this.#topic = topic;
    this.#tail = new TailWatch(db, settings.path, settings.name, context.clock, settings.pollMs);
    this.#group = settings.group ?? context.topology;
  }

  /** Every process is assigned all partitions; the lease of a checkpoint store lets one of them run. */
  async subscribe(listener: AssignmentListener): Promise<void> {
    // Only a commit makes a generation the newest: a second run that its store refuses does the first no harm.
    const generation = generationOf(this.#db, this.#topic.id, this.#group) + 1;
    await listener.assigned(
      Array.from({ length: this.#topic.partitions }, (_, partition) => String(partition)),
      generation,
    );
  }

  async open(partition: string, position: Position | undefined): Promise<SourceReader<T>> {
    const { name, path, behindHead } = this.#settings;
    const number = Number(partition);
    if (!Number.isInteger(number) || number < 0 || number >= this.#topic.partitions)
      throw new StreamError("E_ARGUMENT", `topic "${name}" has no partition ${JSON.stringify(partition)}`);
    const log = new LogReader(this.#db, this.#topic, number);
    const { next } = log.bounds();
    const from = position === undefined ? this.#startOffset(log) : offsetOf(position);
    if (from > next)
      throw new StreamError(
        "E_SQLITE_POSITION",
        `position ${from} is beyond the end of partition ${partition} of topic "${name}" in ${path}, which is ${next}: the file is another one, or was restored from an older copy. Restore the checkpoints of that time too, or start with empty ones`,
      );
    const to = this.#options.stopAt === "latest" ? next : Number.POSITIVE_INFINITY;
    const reader = new PartitionReader<T>({
      path,
      topic: name,
      partition,
      log,
      tail: this.#tail,
      logger: this.#context.logger,
      decode: this.#options.decode,
      behindHead,
      from,
      to: Math.min(to, Number.MAX_SAFE_INTEGER),
    });
    this.#readers.push(reader);
    return reader;
  }

  async committed(partition: string): Promise<Position | undefined> {
    const position = positionOf(this.#db, this.#topic.id, this.#group, Number(partition));
    return position === undefined ? undefined : String(position);
  }

  async commit(positions: ReadonlyMap<string, Position>, generation: number): Promise<void> {
    const numbers = [...positions].map(([partition, position]) => [Number(partition), offsetOf(position)] as const);
    try {
      await this.#handle.call("commitPositions", {
        topic: this.#topic.id,
        group: this.#group,
        positions: numbers,
        generation,
      });
    } catch (error) {
      throw streamError(error, this.#settings.path);
    }
  }

  comparePositions(left: Position, right: Position): number {
    return offsetOf(left) - offsetOf(right);
  }

  partitionOf(key: Key, partitionCount: number): string {
    return partitionOfKey(key, partitionCount);
  }

  health(): Promise<Health> {
    return healthOf(this.#handle, this.#context.clock);
  }

  close(): Promise<void> {
    this.#closed ??= (async () => {
      this.#tail.close();
      for (const reader of this.#readers) await reader.close();
      this.#db.close();
      await this.#handle.release();
    })();
    return this.#closed;
  }

  #startOffset(log: LogReader): number {
    const startAt = this.#options.startAt ?? this.#context.startAt;
    const { head, next } = log.bounds();
    if (startAt === "earliest") return head;
    return startAt === "latest" ? next : log.offsetSince(startAt.getTime());
  }
}

function offsetOf(position: Position): number {
  const offset = Number(position);
  if (!Number.isSafeInteger(offset) || offset < 0 || String(offset) !== position)
    throw new StreamError("E_SQLITE_POSITION", `${JSON.stringify(position)} is not a position of a SQLite topic`);
  return offset;
}
