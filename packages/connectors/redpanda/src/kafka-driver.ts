/** A message as a driver gives it. Bytes are copies: a slice would keep a whole fetch alive. */
export interface KafkaMessage {
  readonly key: Uint8Array | undefined;
  readonly value: Uint8Array | undefined;
  readonly headers: Readonly<Record<string, Uint8Array>>;
  readonly timestamp: number;
  readonly offset: bigint;
}

export interface KafkaBatch {
  readonly topic: string;
  readonly partition: number;
  readonly messages: readonly KafkaMessage[];
  /** The offset of the next message that will be written. */
  readonly highWatermark: bigint;
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface ConsumerEvents {
  /** Synchronous: the partitions held from now on, before anything of them is fetched. */
  assigned(partitions: readonly TopicPartition[]): void;
  batch(batch: KafkaBatch): void;
  /** A fetch that began then (ms since the epoch) brought nothing for any partition that was not paused. */
  idle(startedMs: number): void;
  /** The consumer is over and does not come back by itself. */
  crashed(error: Error): void;
}

export interface ConsumerOptions {
  readonly topics: readonly (string | RegExp)[];
  readonly groupId: string;
  /** "all-to-one": one member of the group gets everything; "spread": each gets some partitions, the same ones of every topic. */
  readonly assignment: "all-to-one" | "spread";
  readonly isolation: "read_committed" | "read_uncommitted";
  readonly maxWaitMs: number;
  readonly events: ConsumerEvents;
}

/** A member of a consumer group that fetches only what it is told to. Offsets are committed when asked, never by itself. */
export interface KafkaConsumer {
  start(): Promise<void>;
  pause(partitions: readonly TopicPartition[]): void;
  resume(partitions: readonly TopicPartition[]): void;
  seek(partition: TopicPartition, offset: bigint): void;
  commit(offsets: readonly (TopicPartition & { readonly offset: bigint })[]): Promise<void>;
  stop(): Promise<void>;
}

export interface OutgoingMessage {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: Readonly<Record<string, Uint8Array>>;
  readonly timestamp: number | undefined;
}

export interface ProducerOptions {
  readonly idempotent: boolean;
  readonly compression: Compression;
  readonly timeoutMs: number;
}

export type Compression = "none" | "gzip" | "snappy" | "lz4" | "zstd";

export interface KafkaProducer {
  /** Messages of one partition in one request: resolves when all in-sync replicas have them. */
  send(target: TopicPartition, messages: readonly OutgoingMessage[]): Promise<void>;
  close(): Promise<void>;
}

export interface TopicOffsets {
  readonly partition: number;
  readonly low: bigint;
  readonly high: bigint;
}

export interface KafkaAdmin {
  /** The partitions of a topic; undefined where there is no such topic. */
  partitions(topic: string): Promise<readonly number[] | undefined>;
  offsets(topic: string): Promise<readonly TopicOffsets[]>;
  /** The first offset at or after a time, of each partition. */
  offsetsAt(topic: string, timestampMs: number): Promise<ReadonlyMap<number, bigint>>;
  committed(groupId: string, topic: string): Promise<ReadonlyMap<number, bigint>>;
  createTopic(topic: string, options: { readonly partitions: number; readonly replicas: number; readonly config: Readonly<Record<string, string>> }): Promise<boolean>;
  deleteTopic(topic: string): Promise<void>;
  ping(): Promise<void>;
}

/** A Kafka client behind what Millrace needs of one. One a connector: `close()` ends its connections. */
export interface KafkaDriver {
  readonly name: string;
  connect(): Promise<void>;
  consumer(options: ConsumerOptions): KafkaConsumer;
  producer(options: ProducerOptions): Promise<KafkaProducer>;
  readonly admin: KafkaAdmin;
  close(): Promise<void>;
}

/** Makes drivers for a connection; `kafkajs()` is the default. */
export type DriverFactory = (connection: BrokerConnection) => KafkaDriver;

/** How brokers are reached. TLS and SASL as the driver takes them. */
export interface BrokerConnection {
  readonly brokers: readonly string[];
  readonly clientId?: string;
  readonly ssl?: boolean | object;
  readonly sasl?: object;
  /** Milliseconds for a connection and for a request. */
  readonly timeoutMs?: number;
}
