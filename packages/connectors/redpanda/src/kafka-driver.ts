/** A message as a driver gives it. Bytes are copies: a slice would keep a whole fetch alive. */
export interface KafkaMessage {
  readonly key: Uint8Array | undefined;
  readonly value: Uint8Array | undefined;
  readonly headers: Readonly<Record<string, Uint8Array>>;
  readonly timestamp: number;
  readonly offset: bigint;
}

/** One partition's part of the answer to a fetch, in the order of its offsets. */
export interface KafkaBatch {
  readonly topic: string;
  readonly partition: number;
  /** None where all of the batch were marks of transactions, aborted or compacted away. */
  readonly messages: readonly KafkaMessage[];
  /** The offset that was asked for: another than the one we stand at tells of a fetch from before a seek, or of a silent reset. */
  readonly fetchedFrom: bigint;
  /** The offset behind this batch, marks of transactions included. */
  readonly nextOffset: bigint;
  /** The offset of the next message that will be written. */
  readonly highWatermark: bigint;
  /** The whole answer, for all partitions that were asked for, held nothing: there is nothing, rather than no room in the answer. */
  readonly quiet: boolean;
}

/** Messages that are still the bytes of an answer: each is made only when it is taken, so that it lives no longer than what is made of it. */
export interface PackedMessages {
  /** What is left takes so many bytes of memory. */
  readonly bytes: number;
  readonly empty: boolean;
  /** Puts the next messages behind those in `taken`, until there are `most` of them; none from the offset `stop` on. */
  take(taken: KafkaMessage[], most: number, stop: bigint | undefined): void;
}

/** A part of an answer to a consumer, whose messages may still be bytes. */
export interface ConsumedBatch extends Omit<KafkaBatch, "messages"> {
  readonly messages: readonly KafkaMessage[] | PackedMessages;
}

/** A partition of a topic. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** What a consumer tells as it happens. */
export interface ConsumerEvents {
  /** Synchronous: the partitions held from now on, before anything of them is fetched. */
  assigned(partitions: readonly TopicPartition[]): void;
  /** Each partition of each answer to a fetch, the empty ones too. */
  batch(batch: ConsumedBatch): void;
  /** The broker has answered a fetch or a heartbeat. */
  polled(): void;
  /** The consumer is over and does not come back by itself. */
  crashed(error: Error): void;
}

/** What a driver makes a consumer of. */
export interface ConsumerOptions {
  readonly topics: readonly (string | RegExp)[];
  readonly groupId: string;
  /** "all-to-one": one member of the group gets everything; "spread": each gets some partitions, the same ones of every topic. */
  readonly assignment: "all-to-one" | "spread";
  readonly isolation: "read_committed" | "read_uncommitted";
  readonly maxWaitMs: number;
  readonly sessionTimeoutMs: number;
  readonly events: ConsumerEvents;
}

/** A member of a consumer group that fetches only what it is told to. Offsets are committed when asked, never by itself. */
export interface KafkaConsumer {
  start(): Promise<void>;
  pause(partitions: readonly TopicPartition[]): void;
  resume(partitions: readonly TopicPartition[]): void;
  seek(partition: TopicPartition, offset: bigint): void;
  /** Under the generation of this moment: refused, and never tried again under a later one. */
  commit(offsets: readonly (TopicPartition & { readonly offset: bigint })[]): Promise<void>;
  stop(): Promise<void>;
}

/** A message to be written. Without a timestamp (milliseconds since the epoch) the driver gives it one; a null value is a tombstone. */
export interface OutgoingMessage {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: Readonly<Record<string, Uint8Array>>;
  readonly timestamp: number | undefined;
}

/** What a driver makes a producer of. */
export interface ProducerOptions {
  readonly idempotent: boolean;
  readonly compression: Compression;
  readonly timeoutMs: number;
}

/** How messages are compressed on their way and in the topic. */
export type Compression = "none" | "gzip" | "snappy" | "lz4" | "zstd";

/** Writes messages without transactions. */
export interface KafkaProducer {
  /** Messages of one partition in one request: resolves when all in-sync replicas have them. */
  send(target: TopicPartition, messages: readonly OutgoingMessage[]): Promise<void>;
  close(): Promise<void>;
}

/** What a driver makes a transactional producer of. */
export interface TransactionalOptions {
  /** One producer at a time may use it: making another one fences those before, and aborts what they have open. */
  readonly transactionalId: string;
  /** After so long the broker aborts a transaction whose producer is gone. */
  readonly timeoutMs: number;
}

/** Messages for one partition, to be written in a transaction. */
export interface TransactionalSend {
  readonly target: TopicPartition;
  readonly messages: readonly OutgoingMessage[];
  readonly compression?: Compression;
}

/** Writes in transactions, one at a time. After any error it is of no more use: only a new one knows where it stands. */
export interface KafkaTransactionalProducer {
  /** All messages, or none for those who read committed ones. */
  transact(sends: readonly TransactionalSend[]): Promise<void>;
  close(): Promise<void>;
}

/** Reads partitions without a group. */
export interface KafkaLogReader {
  /** What is there from an offset on, waiting up to `maxWaitMs` for something. Undefined: nothing came. */
  fetch(place: TopicPartition, offset: bigint, maxWaitMs: number): Promise<KafkaBatch | undefined>;
  close(): Promise<void>;
}

/** Where a partition begins and ends. `low` is its first offset. */
export interface TopicOffsets {
  readonly partition: number;
  readonly low: bigint;
  /** Behind the last message that is settled: messages of transactions under way come later. */
  readonly stable: bigint;
  /** Behind the last message. */
  readonly high: bigint;
}

/** Asks about topics, and makes and deletes them. `createTopic` says whether it was made: not when it was there. */
export interface KafkaAdmin {
  /** The partitions of a topic; undefined where there is no such topic. */
  partitions(topic: string): Promise<readonly number[] | undefined>;
  /** The names of all topics that are there. */
  topics(): Promise<readonly string[]>;
  offsets(topic: string): Promise<readonly TopicOffsets[]>;
  /** The settings of a topic, as text. */
  config(topic: string): Promise<ReadonlyMap<string, string>>;
  /** The first offset at or after a time, of each partition. */
  offsetsAt(topic: string, timestampMs: number): Promise<ReadonlyMap<number, bigint>>;
  /** Reads what is at an offset, if anything, and throws it away: rejects where its codec is not there. */
  probe(place: TopicPartition, offset: bigint): Promise<void>;
  committed(groupId: string, topic: string): Promise<ReadonlyMap<number, bigint>>;
  createTopic(
    topic: string,
    options: {
      readonly partitions: number;
      readonly replicas: number;
      readonly config: Readonly<Record<string, string>>;
    },
  ): Promise<boolean>;
  deleteTopic(topic: string): Promise<void>;
  ping(): Promise<void>;
}

/** A Kafka client behind what Millrace needs of one. One a connector: `close()` ends its connections. */
export interface KafkaDriver {
  readonly name: string;
  connect(): Promise<void>;
  /** Rejects with `E_REDPANDA_CODEC`, saying what to install, where messages can not be compressed so here. */
  requireCodec(kind: Compression): Promise<void>;
  consumer(options: ConsumerOptions): KafkaConsumer;
  producer(options: ProducerOptions): Promise<KafkaProducer>;
  /** Fences every earlier producer of the same transactional id before it resolves. */
  transactional(options: TransactionalOptions): Promise<KafkaTransactionalProducer>;
  /** Reads committed messages. */
  log(): Promise<KafkaLogReader>;
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
