import {
  type AssignmentListener,
  type Health,
  type Key,
  type Position,
  type SourceConnection,
  type SourceContext,
  type SourceReader,
  StreamError,
} from "@millrace/core";
import type { ConsumedBatch, KafkaConsumer, KafkaDriver, TopicOffsets, TopicPartition } from "./kafka-driver.js";
import { offsetInRange } from "./offset-range.js";
import { OpeningOffsets } from "./opening-offsets.js";
import { PartitionQueue } from "./partition-queue.js";
import { partitionOfKey } from "./partitioner.js";
import { classify } from "./redpanda-errors.js";
import { driverOf } from "./redpanda-options.js";
import type { RedpandaSourceOptions } from "./source-options.js";
import { QueueReader } from "./source-reader.js";
import { requireTopicCodec } from "./topic-codec.js";
import { findTopics, PartitionNames } from "./topic-names.js";

/** How long a broker may hold back an empty answer. */
const MAX_WAIT_MS = 200;
/** How long a commit is tried again; the engine gives it a minute. */
const COMMIT_PATIENCE_MS = 45_000;
const COMMIT_RETRY_MS = 500;
const SESSION_TIMEOUT_MS = 30_000;
const BUFFER_BYTES = 16 * 1024 * 1024;
/** A partition may always have so much, however many there are. */
const MIN_PARTITION_BYTES = 64 * 1024;
/** A group that has not been heard of for so long may have lost us. */
const SILENT_MS = 30_000;
const encoder = new TextEncoder();

/** One process's part in a consumer group. */
export class RedpandaSourceConnection<T> implements SourceConnection<T> {
  readonly #options: RedpandaSourceOptions<T>;
  readonly #driver: KafkaDriver;
  readonly #context: SourceContext;
  readonly #groupId: string;
  readonly #names: PartitionNames;
  readonly #queues = new Map<string, PartitionQueue>();
  readonly #counts: Map<string, number>;
  /** As far as this process knows. */
  readonly #committed = new Map<string, bigint>();
  readonly partitionOf?: (key: Key, partitionCount: number) => string;
  #consumer: KafkaConsumer | undefined;
  #listener: AssignmentListener | undefined;
  #held: ReadonlySet<string> = new Set();
  #generation = 0;
  /** While the partitions of an assignment are opened. */
  #opening: OpeningOffsets | undefined;
  #turn: Promise<void> = Promise.resolve();
  #failure: StreamError | undefined;
  #polledAtMs: number;
  #closing: Promise<void> | undefined;

  static async open<T>(
    options: RedpandaSourceOptions<T>,
    choices: readonly (string | RegExp)[],
    context: SourceContext,
  ): Promise<RedpandaSourceConnection<T>> {
    const driver = driverOf(options, "redpandaSource");
    try {
      await driver.connect();
      const counts = await findTopics(driver.admin, choices);
      for (const topic of counts.keys()) await requireTopicCodec(driver, topic);
      return new RedpandaSourceConnection(options, driver, context, new PartitionNames(choices), counts);
    } catch (error) {
      await driver.close().catch(() => {});
      throw classify(error);
    }
  }

  private constructor(
    options: RedpandaSourceOptions<T>,
    driver: KafkaDriver,
    context: SourceContext,
    names: PartitionNames,
    counts: Map<string, number>,
  ) {
    this.#options = options;
    this.#driver = driver;
    this.#context = context;
    this.#counts = counts;
    this.#names = names;
    this.#groupId = options.groupId ?? context.topology;
    this.#polledAtMs = context.clock.now();
    // Of several topics, a key does not tell which one it came from.
    if (names.only !== undefined)
      this.partitionOf = (key, count) => String(partitionOfKey(encoder.encode(String(key)), count));
  }

  async subscribe(listener: AssignmentListener): Promise<void> {
    this.#listener = listener;
    let joined = (): void => {};
    let refused = (_: unknown): void => {};
    const started = new Promise<void>((resolve, reject) => {
      joined = resolve;
      refused = reject;
    });
    started.catch(() => {});
    const consumer = this.#driver.consumer({
      topics: [...this.#counts.keys()],
      groupId: this.#groupId,
      assignment: this.#context.taskMode === "one" ? "all-to-one" : "spread",
      isolation: this.#options.isolation ?? "read_committed",
      maxWaitMs: MAX_WAIT_MS,
      sessionTimeoutMs: this.#options.sessionTimeoutMs ?? SESSION_TIMEOUT_MS,
      events: {
        assigned: (partitions) => this.#onAssigned(partitions, listener).then(joined, refused),
        batch: (batch) => this.#onBatch(batch),
        polled: () => {
          this.#polledAtMs = this.#context.clock.now();
        },
        crashed: (error) => {
          this.#onCrash(error);
          refused(this.#failure);
        },
      },
    });
    this.#consumer = consumer;
    await consumer.start().catch((error) => {
      throw classify(error);
    });
    await started;
  }

  async open(partition: string, position: Position | undefined): Promise<SourceReader<T>> {
    const place = this.#names.placeOf(partition);
    const offsets = await this.#offsets(place, this.#opening);
    const { isolation, stopAt, decode, bufferBytes = BUFFER_BYTES } = this.#options;
    const end = isolation === "read_uncommitted" ? offsets.high : offsets.stable;
    const wanted = position === undefined ? await this.#startOffset(place, offsets.low, end) : BigInt(position);
    const from = this.#inRange(place, wanted, offsets);
    await this.#driver.admin.probe(place, from).catch((error) => {
      throw classify(error);
    });
    const share = Math.max(MIN_PARTITION_BYTES, Math.floor(bufferBytes / Math.max(1, this.#held.size)));
    const limits = { maxBytes: share, stop: stopAt === "latest" ? end : undefined };
    const queue: PartitionQueue = new PartitionQueue(from, end, limits, {
      pause: () => this.#consumer?.pause([place]),
      resume: () => this.#consumer?.resume([place]),
      seek: (offset) => this.#consumer?.seek(place, offset),
      strayed: () => this.#strayed(queue, place).catch((error) => queue.fail(classify(error))),
    });
    this.#queues.set(partition, queue);
    if (this.#failure !== undefined) queue.fail(this.#failure);
    this.#consumer?.seek(place, from);
    if (!queue.paused) this.#consumer?.resume([place]);
    const closed = (): void => {
      // A later reader of the same partition goes on.
      if (this.#queues.get(partition) !== queue) return;
      this.#queues.delete(partition);
      this.#consumer?.pause([place]);
    };
    return new QueueReader({
      queue,
      partition,
      topic: place.topic,
      decode,
      closed,
    });
  }

  async committed(partition: string): Promise<Position | undefined> {
    try {
      const offset = await (this.#opening ?? this.#askAnew()).committed(this.#names.placeOf(partition));
      if (offset === undefined) return undefined;
      this.#committed.set(partition, offset);
      return String(offset);
    } catch (error) {
      throw classify(error);
    }
  }

  async commit(positions: ReadonlyMap<string, Position>, generation: number): Promise<void> {
    // A broker takes the commit of a partition that belongs to another member by now: the generation tells.
    if (generation !== this.#generation) return;
    const offsets = [...positions]
      .filter(
        ([partition, position]) => this.#held.has(partition) && this.#committed.get(partition) !== BigInt(position),
      )
      .map(([partition, position]) => ({ ...this.#names.placeOf(partition), offset: BigInt(position) }));
    if (offsets.length === 0) return;
    const { clock, signal } = this.#context;
    for (const until = clock.now() + COMMIT_PATIENCE_MS; ; ) {
      try {
        await this.#consumer?.commit(offsets);
        for (const { offset, ...place } of offsets) this.#committed.set(this.#names.nameOf(place), offset);
        return;
      } catch (error) {
        const failure = classify(error);
        // Whoever has the partitions next reads on where the last commit was.
        if (generation !== this.#generation) return;
        // A broker that restarts is no reason to end the run.
        if (failure.class !== "transient" || signal.aborted || clock.now() > until) throw failure;
      }
      await new Promise<void>((resolve) => clock.schedule(clock.now() + COMMIT_RETRY_MS, resolve));
    }
  }

  comparePositions(left: Position, right: Position): number {
    const difference = BigInt(left) - BigInt(right);
    return difference < 0n ? -1 : difference > 0n ? 1 : 0;
  }

  partitionCount(): number {
    let count = 0;
    for (const partitions of this.#counts.values()) count += partitions;
    return count;
  }

  async health(): Promise<Health> {
    const { clock } = this.#context;
    if (this.#failure !== undefined) return { status: "down", detail: this.#failure.message };
    const began = clock.now();
    try {
      await this.#driver.admin.ping();
    } catch (error) {
      return { status: "down", latencyMs: clock.now() - began, detail: classify(error).message };
    }
    const silentMs = clock.now() - this.#polledAtMs;
    const detail = `group "${this.#groupId}": ${this.#held.size} partitions held, last answer ${Math.round(silentMs)} ms ago`;
    return { status: silentMs > SILENT_MS ? "degraded" : "up", latencyMs: clock.now() - began, detail };
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      for (const queue of this.#queues.values()) queue.close();
      try {
        await this.#consumer?.stop();
      } finally {
        await this.#driver.close();
      }
    })();
    return this.#closing;
  }

  /** Called before anything of the new assignment is fetched, so what must not be read yet is paused here and now. */
  #onAssigned(partitions: readonly TopicPartition[], listener: AssignmentListener): Promise<void> {
    this.#polledAtMs = this.#context.clock.now();
    const now = new Set(partitions.map((place) => this.#names.nameOf(place)));
    const lost = [...this.#held].filter((name) => !now.has(name));
    const gained = [...now].filter((name) => !this.#held.has(name));
    const generation = ++this.#generation;
    this.#held = now;
    for (const name of lost) {
      this.#queues.get(name)?.revoke();
      this.#committed.delete(name);
    }
    for (const name of now) {
      const queue = gained.includes(name) ? undefined : this.#queues.get(name);
      if (queue === undefined) this.#consumer?.pause([this.#names.placeOf(name)]);
      else queue.rejoin();
    }
    const turn = this.#turn.then(async () => {
      if (lost.length > 0) await listener.lost(lost, generation);
      await this.#countAnew(partitions);
      this.#opening = this.#askAnew();
      try {
        await listener.assigned(gained, generation);
      } finally {
        this.#opening = undefined;
      }
    });
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /** Topics can be given more partitions while we run. */
  async #countAnew(partitions: readonly TopicPartition[]): Promise<void> {
    for (const { topic, partition } of partitions)
      if (partition >= (this.#counts.get(topic) ?? 0))
        this.#counts.set(topic, (await this.#driver.admin.partitions(topic))?.length ?? partition + 1);
  }

  #onBatch(batch: ConsumedBatch): void {
    this.#queues.get(this.#names.nameOf(batch))?.add(batch);
  }

  #onCrash(cause: Error): void {
    const { message } = classify(cause);
    this.#failure = new StreamError(
      "E_SOURCE",
      `the consumer of group "${this.#groupId}" crashed and does not come back: ${message}`,
      { cause },
    );
    for (const queue of this.#queues.values()) queue.fail(this.#failure);
    // With nothing to read nobody would notice.
    this.#listener?.failed?.(this.#failure);
  }

  /** The client does not read where we stand: a late answer from before a seek, or the broker has no such offset and the client went elsewhere. */
  async #strayed(queue: PartitionQueue, place: TopicPartition): Promise<void> {
    const offsets = await this.#offsets(place);
    if (queue.fetchAt >= offsets.low && queue.fetchAt <= offsets.high) return queue.readOn();
    // kafkajs has committed its own choice by now: what was committed before is put back, so that the next start fails as well, instead of going on behind a gap.
    const name = this.#names.nameOf(place);
    const before = this.#committed.get(name);
    if (before !== undefined && this.#held.has(name))
      await this.#consumer?.commit([{ ...place, offset: before }]).catch(() => {});
    queue.skipTo(this.#inRange(place, queue.fetchAt, offsets));
  }

  async #offsets(place: TopicPartition, asked: OpeningOffsets = this.#askAnew()): Promise<TopicOffsets> {
    try {
      return await asked.of(place);
    } catch (error) {
      throw classify(error);
    }
  }

  #askAnew(): OpeningOffsets {
    return new OpeningOffsets(this.#driver.admin, this.#groupId);
  }

  async #startOffset(place: TopicPartition, low: bigint, end: bigint): Promise<bigint> {
    const startAt = this.#options.startAt ?? this.#context.startAt;
    if (startAt === "earliest") return low;
    if (startAt === "latest") return end;
    if (startAt instanceof Date)
      return (await this.#driver.admin.offsetsAt(place.topic, startAt.getTime())).get(place.partition) ?? end;
    return startAt.get(this.#names.nameOf(place)) ?? low;
  }

  #inRange(place: TopicPartition, wanted: bigint, offsets: TopicOffsets): bigint {
    const { onOutOfRange } = this.#options;
    return offsetInRange(place, wanted, offsets, {
      logger: this.#context.logger,
      ...(onOutOfRange === undefined ? {} : { onOutOfRange }),
    });
  }
}
