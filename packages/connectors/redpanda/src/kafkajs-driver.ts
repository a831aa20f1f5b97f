import { messageOf, StreamError } from "@millrace/core";
import { type Admin, type Assigner, AssignerProtocol, CompressionTypes, type Consumer, Kafka, type KafkaConfig, logLevel, type Producer } from "kafkajs";
import { requireCodec } from "./codecs.js";
import type { BrokerConnection, Compression, ConsumerOptions, DriverFactory, KafkaAdmin, KafkaConsumer, KafkaDriver, KafkaProducer, OutgoingMessage, ProducerOptions, TopicPartition } from "./kafka-driver.js";
import { patchIdleTimers } from "./kafkajs-idle-timers.js";

const DEFAULT_TIMEOUT_MS = 10_000;
/** Retries inside the client are few: the engine has its own, and a client that retries for minutes hides what is wrong. */
const CLIENT_RETRIES = 3;

/** The default driver: kafkajs 2.2.4. */
export function kafkajs(config: Partial<KafkaConfig> = {}): DriverFactory {
  return (connection) => new KafkajsDriver(connection, config);
}

class KafkajsDriver implements KafkaDriver {
  readonly name = "kafkajs";
  readonly #kafka: Kafka;
  readonly #admin: Admin;
  readonly admin: KafkaAdmin;

  constructor(connection: BrokerConnection, config: Partial<KafkaConfig>) {
    patchIdleTimers();
    const timeoutMs = connection.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#kafka = new Kafka({
      clientId: connection.clientId ?? "millrace",
      brokers: [...connection.brokers],
      connectionTimeout: timeoutMs,
      requestTimeout: Math.max(timeoutMs, 30_000),
      logLevel: logLevel.NOTHING,
      retry: { retries: CLIENT_RETRIES, initialRetryTime: 100, maxRetryTime: 2_000 },
      ...(connection.ssl === undefined ? {} : { ssl: connection.ssl as NonNullable<KafkaConfig["ssl"]> }),
      ...(connection.sasl === undefined ? {} : { sasl: connection.sasl as NonNullable<KafkaConfig["sasl"]> }),
      ...config,
    });
    this.#admin = this.#kafka.admin();
    this.admin = new KafkajsAdmin(this.#admin);
  }

  connect(): Promise<void> {
    return this.#admin.connect();
  }

  consumer(options: ConsumerOptions): KafkaConsumer {
    return new KafkajsConsumer(this.#kafka, options);
  }

  async producer(options: ProducerOptions): Promise<KafkaProducer> {
    await requireCodec(options.compression);
    const producer = new KafkajsProducer(this.#kafka, options);
    await producer.connect();
    return producer;
  }

  close(): Promise<void> {
    return this.#admin.disconnect();
  }
}

class KafkajsConsumer implements KafkaConsumer {
  readonly #consumer: Consumer;
  readonly #options: ConsumerOptions;
  #stopped = false;

  constructor(kafka: Kafka, options: ConsumerOptions) {
    this.#options = options;
    this.#consumer = kafka.consumer({
      groupId: options.groupId,
      readUncommitted: options.isolation === "read_uncommitted",
      // Also how long a paused consumer takes to look again, and a stopping one to leave: the default of 5 s is felt.
      maxWaitTimeInMs: options.maxWaitMs,
      sessionTimeout: 30_000,
      rebalanceTimeout: 60_000,
      partitionAssigners: [options.assignment === "all-to-one" ? allToOne : spread],
    });
  }

  async start(): Promise<void> {
    const { events, topics } = this.#options;
    this.#consumer.on(this.#consumer.events.GROUP_JOIN, ({ payload }) => {
      const held = Object.entries(payload.memberAssignment).flatMap(([topic, partitions]) => partitions.map((partition) => ({ topic, partition })));
      // A pause outlives a rebalance in kafkajs, so a partition that comes back would stay paused for ever.
      this.resume(held);
      events.assigned(held);
    });
    this.#consumer.on(this.#consumer.events.FETCH, ({ payload }) => {
      if (payload.numberOfBatches === 0) events.idle(Date.now() - payload.duration);
    });
    this.#consumer.on(this.#consumer.events.CRASH, ({ payload }) => {
      if (!payload.restart && !this.#stopped) events.crashed(payload.error);
    });
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topics: [...topics], fromBeginning: true });
    await this.#consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: true,
      partitionsConsumedConcurrently: 16,
      eachBatch: async ({ batch }) => {
        events.batch({
          topic: batch.topic,
          partition: batch.partition,
          highWatermark: BigInt(batch.highWatermark),
          messages: batch.messages.map((message) => ({
            key: copy(message.key),
            value: copy(message.value),
            headers: headersOf(message.headers),
            timestamp: Number(message.timestamp),
            offset: BigInt(message.offset),
          })),
        });
      },
    });
  }

  pause(partitions: readonly TopicPartition[]): void {
    this.#quietly(() => this.#consumer.pause(byTopic(partitions)));
  }

  resume(partitions: readonly TopicPartition[]): void {
    this.#quietly(() => this.#consumer.resume(byTopic(partitions)));
  }

  seek({ topic, partition }: TopicPartition, offset: bigint): void {
    this.#quietly(() => this.#consumer.seek({ topic, partition, offset: String(offset) }));
  }

  async commit(offsets: readonly (TopicPartition & { readonly offset: bigint })[]): Promise<void> {
    await this.#consumer.commitOffsets(offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset: String(offset) })));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#consumer.disconnect();
  }

  /** Between two groups kafkajs throws on these; what they would have set is set anew at the next assignment. */
  #quietly(call: () => void): void {
    try {
      call();
    } catch (error) {
      if (!/Consumer group was not initialized/.test(messageOf(error))) throw error;
    }
  }
}

/** One member gets everything; the others stand by. The one with the smallest id stays the same while it lives. */
const allToOne: Parameters<Kafka["consumer"]>[0]["partitionAssigners"] extends readonly (infer A)[] | undefined ? A : never = ({ cluster }) => assigner("millrace-all-to-one", cluster, (members, partitions) => new Map([[[...members].sort()[0] as string, partitions]]));

/** Partition p of every topic goes to member p mod n: topics with equal counts stay together. */
const spread: typeof allToOne = ({ cluster }) =>
  assigner("millrace-spread", cluster, (members, partitions) => {
    const sorted = [...members].sort();
    const assigned = new Map<string, TopicPartition[]>();
    for (const partition of partitions) {
      const member = sorted[partition.partition % sorted.length] as string;
      assigned.set(member, [...(assigned.get(member) ?? []), partition]);
    }
    return assigned;
  });

function assigner(name: string, cluster: { findTopicPartitionMetadata(topic: string): { partitionId: number }[] }, assign: (members: readonly string[], partitions: readonly TopicPartition[]) => ReadonlyMap<string, readonly TopicPartition[]>): Assigner {
  return {
    name,
    version: 1,
    assign: async ({ members, topics }) => {
      const partitions = topics.flatMap((topic) => cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => ({ topic, partition: partitionId })));
      const assigned = assign(members.map(({ memberId }) => memberId), partitions);
      return members.map(({ memberId }) => {
        const assignment: Record<string, number[]> = {};
        for (const { topic, partition } of assigned.get(memberId) ?? []) (assignment[topic] ??= []).push(partition);
        return { memberId, memberAssignment: AssignerProtocol.MemberAssignment.encode({ version: 1, assignment, userData: Buffer.alloc(0) }) };
      });
    },
    protocol: ({ topics }) => ({ name, metadata: AssignerProtocol.MemberMetadata.encode({ version: 1, topics, userData: Buffer.alloc(0) }) }),
  };
}

const COMPRESSION: Readonly<Record<Compression, CompressionTypes>> = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy, lz4: CompressionTypes.LZ4, zstd: CompressionTypes.ZSTD };

class KafkajsProducer implements KafkaProducer {
  readonly #kafka: Kafka;
  readonly #options: ProducerOptions;
  #producer: Producer;

  constructor(kafka: Kafka, options: ProducerOptions) {
    this.#kafka = kafka;
    this.#options = options;
    this.#producer = this.#create();
  }

  connect(): Promise<void> {
    return this.#producer.connect();
  }

  async send({ topic, partition }: TopicPartition, messages: readonly OutgoingMessage[]): Promise<void> {
    const { compression, timeoutMs } = this.#options;
    try {
      await this.#producer.send({
        topic,
        acks: -1,
        timeout: timeoutMs,
        compression: COMPRESSION[compression],
        messages: messages.map(({ key, value, headers, timestamp }) => ({
          partition,
          key: key === null ? null : Buffer.from(key),
          value: value === null ? null : Buffer.from(value),
          headers: Object.fromEntries(Object.entries(headers).map(([name, bytes]) => [name, Buffer.from(bytes)])),
          ...(timestamp === undefined ? {} : { timestamp: String(timestamp) }),
        })),
      });
    } catch (error) {
      if (isOutOfSequence(error)) await this.#recreate();
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#producer.disconnect();
  }

  #create(): Producer {
    const { idempotent } = this.#options;
    return this.#kafka.producer({ idempotent, maxInFlightRequests: idempotent ? 1 : 5, allowAutoTopicCreation: false, retry: { retries: CLIENT_RETRIES } });
  }

  /** An idempotent producer of kafkajs never recovers from a wrong sequence number: only a new one does. */
  async #recreate(): Promise<void> {
    await this.#producer.disconnect().catch(() => {});
    this.#producer = this.#create();
    await this.#producer.connect();
  }
}

function isOutOfSequence(error: unknown): boolean {
  const types = new Set(["OUT_OF_ORDER_SEQUENCE_NUMBER", "DUPLICATE_SEQUENCE_NUMBER", "UNKNOWN_PRODUCER_ID", "INVALID_PRODUCER_EPOCH"]);
  return types.has((error as { readonly type?: string }).type ?? "");
}

class KafkajsAdmin implements KafkaAdmin {
  readonly #admin: Admin;

  constructor(admin: Admin) {
    this.#admin = admin;
  }

  async partitions(topic: string): Promise<readonly number[] | undefined> {
    const topics = await this.#admin.listTopics();
    if (!topics.includes(topic)) return undefined;
    const { topics: found } = await this.#admin.fetchTopicMetadata({ topics: [topic] });
    return found[0]?.partitions.map(({ partitionId }) => partitionId).sort((left, right) => left - right);
  }

  async offsets(topic: string): Promise<readonly { partition: number; low: bigint; high: bigint }[]> {
    const offsets = await this.#admin.fetchTopicOffsets(topic);
    return offsets.map(({ partition, low, high }) => ({ partition, low: BigInt(low), high: BigInt(high) }));
  }

  async offsetsAt(topic: string, timestampMs: number): Promise<ReadonlyMap<number, bigint>> {
    const offsets = await this.#admin.fetchTopicOffsetsByTimestamp(topic, timestampMs);
    return new Map(offsets.map(({ partition, offset }) => [partition, BigInt(offset)]));
  }

  async committed(groupId: string, topic: string): Promise<ReadonlyMap<number, bigint>> {
    const [found] = await this.#admin.fetchOffsets({ groupId, topics: [topic] });
    return new Map((found?.partitions ?? []).filter(({ offset }) => Number(offset) >= 0).map(({ partition, offset }) => [partition, BigInt(offset)]));
  }

  async createTopic(topic: string, { partitions, replicas, config }: { readonly partitions: number; readonly replicas: number; readonly config: Readonly<Record<string, string>> }): Promise<boolean> {
    const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
    return this.#admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: partitions, replicationFactor: replicas, configEntries }] });
  }

  deleteTopic(topic: string): Promise<void> {
    return this.#admin.deleteTopics({ topics: [topic] });
  }

  async ping(): Promise<void> {
    const { brokers } = await this.#admin.describeCluster();
    if (brokers.length === 0) throw new StreamError("E_SOURCE", "the cluster has no broker");
  }
}

function byTopic(partitions: readonly TopicPartition[]): { topic: string; partitions: number[] }[] {
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of partitions) topics.set(topic, [...(topics.get(topic) ?? []), partition]);
  return [...topics].map(([topic, numbers]) => ({ topic, partitions: numbers }));
}

/** kafkajs gives slices of the whole fetch, so one small value kept alive would keep up to 10 MB. */
function copy(bytes: Buffer | null | undefined): Uint8Array | undefined {
  return bytes === null || bytes === undefined ? undefined : Uint8Array.from(bytes);
}

function headersOf(headers: Record<string, Buffer | string | (Buffer | string)[] | undefined> | undefined): Record<string, Uint8Array> {
  const out: Record<string, Uint8Array> = {};
  for (const [name, value] of Object.entries(headers ?? {})) {
    // A header may stand several times: the last one counts, as in most clients' maps.
    const last = Array.isArray(value) ? value[value.length - 1] : value;
    if (last !== undefined) out[name] = typeof last === "string" ? new TextEncoder().encode(last) : Uint8Array.from(last);
  }
  return out;
}
