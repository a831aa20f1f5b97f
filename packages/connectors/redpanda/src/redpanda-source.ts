import { type AssignmentListener, type Health, type Key, type Message, messageOf, type Position, requireArgument, type Source, type SourceBatch, type SourceConnection, type SourceContext, type SourceReader, StreamError, WriteError } from "@millrace/core";
import type { KafkaBatch, KafkaConsumer, KafkaDriver, KafkaMessage, TopicPartition } from "./kafka-driver.js";
import { PartitionQueue } from "./partition-queue.js";
import { partitionOfKey } from "./partitioner.js";
import { classify } from "./redpanda-errors.js";
import { driverOf, type RedpandaConnection } from "./redpanda-options.js";

/** Options of {@link redpandaSource}. */
export interface RedpandaSourceOptions<T> extends RedpandaConnection {
  /** One topic or several; with several, partitions are called `topic/number`. */
  readonly topic: string | readonly string[];
  /** Makes a value of a message. What it throws makes the message a dead letter of the first `onError` below. */
  readonly decode: (message: Message) => T;
  /** Default: the topic's name. */
  readonly name?: string;
  /** The consumer group that positions are committed to. Default: the topology's name. */
  readonly groupId?: string;
  readonly startAt?: "earliest" | "latest" | Date | ReadonlyMap<string, bigint>;
  /** Ends at what each partition holds when it is opened, as `stop()` would. */
  readonly stopAt?: "latest";
  /** Default "read_committed": messages of open and aborted transactions are not seen. */
  readonly isolation?: "read_committed" | "read_uncommitted";
  /** A saved position that retention has deleted: fail (default), or go on at the earliest message. */
  readonly onOutOfRange?: "fail" | "earliest";
}

const MAX_WAIT_MS = 200;

/**
 * Topics of Redpanda or Kafka. Resumes at its position, commits to the consumer group after each checkpoint, and pauses a partition whose values wait in a
 * full pipeline. With a topology that runs as one task, one process of the group gets everything and the others stand by.
 */
export function redpandaSource<T>(options: RedpandaSourceOptions<T>): Source<T> {
  const topics = typeof options.topic === "string" ? [options.topic] : [...options.topic];
  requireArgument(topics.length > 0, "redpandaSource: topic must name at least one topic");
  requireArgument(typeof options.decode === "function", "redpandaSource: decode must be a function");
  return {
    name: options.name ?? topics.join("+"),
    partitioned: true,
    connect: (context) => RedpandaSourceConnection.open(options, topics, context),
  };
}

class RedpandaSourceConnection<T> implements SourceConnection<T> {
  readonly #options: RedpandaSourceOptions<T>;
  readonly #driver: KafkaDriver;
  readonly #context: SourceContext;
  readonly #groupId: string;
  readonly #queues = new Map<string, PartitionQueue>();
  readonly #counts: ReadonlyMap<string, number>;
  readonly #committed = new Map<string, bigint>();
  #consumer: KafkaConsumer | undefined;
  #held = new Set<string>();
  #generation = 0;
  #turn: Promise<void> = Promise.resolve();
  #failure: Error | undefined;

  static async open<T>(options: RedpandaSourceOptions<T>, topics: readonly string[], context: SourceContext): Promise<RedpandaSourceConnection<T>> {
    const driver = driverOf(options, "redpandaSource");
    try {
      await driver.connect();
      const counts = new Map<string, number>();
      for (const topic of topics) {
        const partitions = await driver.admin.partitions(topic);
        if (partitions === undefined) throw new WriteError("fatal", "E_REDPANDA_TOPIC", `there is no topic "${topic}": make it first, see ensureTopic()`);
        counts.set(topic, partitions.length);
      }
      return new RedpandaSourceConnection(options, driver, context, counts);
    } catch (error) {
      await driver.close().catch(() => {});
      throw classify(error);
    }
  }

  constructor(options: RedpandaSourceOptions<T>, driver: KafkaDriver, context: SourceContext, counts: ReadonlyMap<string, number>) {
    this.#options = options;
    this.#driver = driver;
    this.#context = context;
    this.#counts = counts;
    this.#groupId = options.groupId ?? context.topology;
  }

  async subscribe(listener: AssignmentListener): Promise<void> {
    const started = new Promise<void>((resolve, reject) => {
      this.#consumer = this.#driver.consumer({
        topics: [...this.#counts.keys()],
        groupId: this.#groupId,
        assignment: this.#context.taskMode === "one" ? "all-to-one" : "spread",
        isolation: this.#options.isolation ?? "read_committed",
        maxWaitMs: MAX_WAIT_MS,
        events: {
          assigned: (partitions) => this.#onAssigned(partitions, listener).then(resolve, reject),
          batch: (batch) => this.#onBatch(batch),
          idle: (startedMs) => {
            for (const queue of this.#queues.values()) queue.idle(startedMs);
          },
          crashed: (error) => {
            this.#failure = error;
            for (const queue of this.#queues.values()) queue.fail(new StreamError("E_SOURCE", `the consumer of group "${this.#groupId}" crashed: ${error.message}`, { cause: error }));
            reject(error);
          },
        },
      });
    });
    await (this.#consumer as unknown as KafkaConsumer).start().catch((error) => {
      throw classify(error);
    });
    await started;
  }

  async open(partition: string, position: Position | undefined): Promise<SourceReader<T>> {
    const place = this.#place(partition);
    const offsets = (await this.#driver.admin.offsets(place.topic)).find((found) => found.partition === place.partition);
    if (offsets === undefined) throw new WriteError("fatal", "E_REDPANDA_TOPIC", `topic "${place.topic}" has no partition ${place.partition}`);
    const wanted = position === undefined ? await this.#startOffset(place, offsets) : BigInt(position);
    const from = this.#inRange(place, wanted, offsets);
    const queue = new PartitionQueue(
      from,
      () => this.#consumer?.pause([place]),
      () => this.#consumer?.resume([place]),
    );
    queue.high = offsets.high;
    if (this.#failure !== undefined) queue.fail(this.#failure);
    this.#queues.set(partition, queue);
    this.#consumer?.seek(place, from);
    this.#consumer?.resume([place]);
    const stop = this.#options.stopAt === "latest" ? offsets.high : undefined;
    return new QueueReader(queue, partition, place, stop, this.#options.decode, () => {
      if (this.#queues.get(partition) === queue) this.#queues.delete(partition);
      this.#consumer?.pause([place]);
    });
  }

  async committed(partition: string): Promise<Position | undefined> {
    const { topic, partition: number } = this.#place(partition);
    const offset = (await this.#driver.admin.committed(this.#groupId, topic)).get(number);
    return offset === undefined ? undefined : String(offset);
  }

  async commit(positions: ReadonlyMap<string, Position>, generation: number): Promise<void> {
    // kafkajs takes a late commit for a partition that belongs to somebody else by now: the generation tells.
    const offsets = [...positions]
      .filter(([partition]) => this.#held.has(partition) && generation === this.#generation)
      .map(([partition, position]) => ({ ...this.#place(partition), name: partition, offset: BigInt(position) }))
      .filter(({ name, offset }) => offset !== this.#committed.get(name));
    if (offsets.length === 0) return;
    try {
      await this.#consumer?.commit(offsets);
      for (const { name, offset } of offsets) this.#committed.set(name, offset);
    } catch (error) {
      throw classify(error);
    }
  }

  comparePositions(left: Position, right: Position): number {
    const difference = BigInt(left) - BigInt(right);
    return difference < 0n ? -1 : difference > 0n ? 1 : 0;
  }

  partitionOf(key: Key, partitionCount: number): string {
    return String(partitionOfKey(new TextEncoder().encode(String(key)), partitionCount));
  }

  partitionCount(): number {
    let count = 0;
    for (const partitions of this.#counts.values()) count += partitions;
    return count;
  }

  async health(): Promise<Health> {
    const began = performance.now();
    if (this.#failure !== undefined) return { status: "down", detail: messageOf(this.#failure) };
    try {
      await this.#driver.admin.ping();
      return { status: "up", latencyMs: performance.now() - began, detail: `${this.#held.size} partitions held` };
    } catch (error) {
      return { status: "down", latencyMs: performance.now() - began, detail: messageOf(error) };
    }
  }

  async close(): Promise<void> {
    for (const queue of this.#queues.values()) queue.close();
    await this.#consumer?.stop();
    await this.#driver.close();
  }

  /** Called before anything of the new assignment is fetched, so what must not be read yet is paused here and now. */
  #onAssigned(partitions: readonly TopicPartition[], listener: AssignmentListener): Promise<void> {
    const now = new Set(partitions.map((place) => this.#nameOf(place)));
    const lost = [...this.#held].filter((name) => !now.has(name));
    const gained = [...now].filter((name) => !this.#held.has(name));
    const generation = ++this.#generation;
    this.#held = now;
    this.#consumer?.pause(gained.map((name) => this.#place(name)));
    for (const name of now) {
      const queue = this.#queues.get(name);
      // A rebalance makes kafkajs forget where it was, also in partitions that stay.
      if (queue !== undefined && !gained.includes(name)) this.#consumer?.seek(this.#place(name), queue.next);
    }
    for (const name of lost) this.#queues.get(name)?.close();
    const turn = this.#turn.then(async () => {
      if (lost.length > 0) await listener.lost(lost, generation);
      await listener.assigned(gained, generation);
    });
    this.#turn = turn.catch(() => {});
    return turn;
  }

  #onBatch(batch: KafkaBatch): void {
    this.#queues.get(this.#nameOf(batch))?.add(batch.messages, batch.highWatermark);
  }

  async #startOffset(place: TopicPartition, { low, high }: { readonly low: bigint; readonly high: bigint }): Promise<bigint> {
    const startAt = this.#options.startAt ?? this.#context.startAt;
    if (startAt === "earliest") return low;
    if (startAt === "latest") return high;
    if (startAt instanceof Date) return (await this.#driver.admin.offsetsAt(place.topic, startAt.getTime())).get(place.partition) ?? high;
    return startAt.get(this.#nameOf(place)) ?? low;
  }

  /** kafkajs would go on silently at the other end of the topic, and commit that. */
  #inRange(place: TopicPartition, wanted: bigint, { low, high }: { readonly low: bigint; readonly high: bigint }): bigint {
    if (wanted >= low && wanted <= high) return wanted;
    if (wanted < low && this.#options.onOutOfRange === "earliest") {
      this.#context.logger.warn("messages are gone: reading on at the earliest", { topic: place.topic, partition: place.partition, wanted: String(wanted), earliest: String(low) });
      return low;
    }
    throw new StreamError("E_REDPANDA_RANGE", `position ${wanted} of topic "${place.topic}", partition ${place.partition}, is not there: it holds ${low} to ${high}. ${wanted < low ? 'Retention has deleted messages that were not read; onOutOfRange: "earliest" goes on without them' : "The topic was made anew: begin with an empty checkpoint store and another group"}`);
  }

  #nameOf({ topic, partition }: TopicPartition): string {
    return this.#counts.size === 1 ? String(partition) : `${topic}/${partition}`;
  }

  #place(name: string): TopicPartition {
    const slash = name.lastIndexOf("/");
    const [only] = this.#counts.keys();
    return slash < 0 ? { topic: only as string, partition: Number(name) } : { topic: name.slice(0, slash), partition: Number(name.slice(slash + 1)) };
  }
}

class QueueReader<T> implements SourceReader<T> {
  readonly #queue: PartitionQueue;
  readonly #partition: string;
  readonly #place: TopicPartition;
  readonly #stop: bigint | undefined;
  readonly #decode: (message: Message) => T;
  readonly #closed: () => void;
  #toldCaughtUp = false;

  constructor(queue: PartitionQueue, partition: string, place: TopicPartition, stop: bigint | undefined, decode: (message: Message) => T, closed: () => void) {
    this.#queue = queue;
    this.#partition = partition;
    this.#place = place;
    this.#stop = stop;
    this.#decode = decode;
    this.#closed = closed;
  }

  async read(): Promise<SourceBatch<T> | undefined> {
    const queue = this.#queue;
    while (!queue.closed) {
      if (this.#stop !== undefined && queue.next >= this.#stop) return undefined;
      const { messages, bytes } = queue.take(this.#stop);
      if (messages.length > 0) {
        this.#toldCaughtUp = false;
        return this.#batch(messages, bytes);
      }
      // What is left up to the end can be marks of transactions, which are never handed out: two fetches that bring nothing say so.
      const atEnd = queue.empty && (queue.next >= queue.high || queue.idleFetches >= 2);
      if (this.#stop !== undefined && atEnd && queue.idleFetches >= 2) return undefined;
      if (atEnd && !this.#toldCaughtUp) {
        this.#toldCaughtUp = true;
        return { values: [], position: String(queue.next), caughtUp: true };
      }
      await queue.changed();
    }
    return undefined;
  }

  async close(): Promise<void> {
    this.#queue.close();
    this.#closed();
  }

  #batch(messages: readonly KafkaMessage[], bytes: number): SourceBatch<T> {
    const values: T[] = [];
    const offsets: bigint[] = [];
    const times: number[] = [];
    const poison: { offset: bigint; raw: Uint8Array; error: { code: string; message: string } }[] = [];
    for (const message of messages) {
      try {
        values.push(this.#decode({ ...message, partition: this.#partition }));
        offsets.push(message.offset);
        times.push(message.timestamp);
      } catch (error) {
        poison.push({ offset: message.offset, raw: message.value ?? new Uint8Array(), error: { code: "E_DECODE", message: `topic "${this.#place.topic}": ${messageOf(error)}` } });
      }
    }
    return { values, offsets, times, bytes, position: String(this.#queue.next), ...(poison.length === 0 ? {} : { poison }) };
  }
}
