import {
  type BatchPolicy,
  type Health,
  type OutMessage,
  type RuntimeContext,
  requireArgument,
  type Sink,
  type SinkConnection,
  type SinkWriter,
  WriteError,
} from "@millrace/core";
import { isCompression } from "./codecs.js";
import type { Compression, KafkaDriver, KafkaProducer } from "./kafka-driver.js";
import { type EncodePlan, MessageMaker } from "./outgoing-messages.js";
import { classify } from "./redpanda-errors.js";
import { driverOf, type RedpandaConnection } from "./redpanda-options.js";
import { systemOf } from "./redpanda-system.js";
import { DirectWriter, TransactionalWriter } from "./sink-writers.js";

/** Options of {@link redpandaSink}. */
export interface RedpandaSinkOptions<T> extends RedpandaConnection {
  readonly topic: string;
  /** Makes a message of a value. Its timestamp is the value's event time unless it names one. */
  readonly encode: (value: T) => OutMessage;
  /** Default: `redpanda:TOPIC`. */
  readonly name?: string;
  /** Where a message without a partition goes. Default: murmur2 of the key, as Kafka's own clients do; without a key, partitions in turns. */
  readonly partitioner?: (message: OutMessage, partitions: number) => number;
  /** The broker drops the client's own repetitions of a request (false). */
  readonly idempotent?: boolean;
  /** A header with the value's id, the same after a replay, so that readers can tell a repeated message ("millrace-id"); false: none. */
  readonly idHeader?: string | false;
  /** Default "none". */
  readonly compression?: Compression;
  /** Default: 1,000 values a write; each request takes what fits into the topic's `max.message.bytes`. */
  readonly batch?: BatchPolicy;
  /** Milliseconds a broker may take to have a request in all in-sync replicas (30,000). */
  readonly sendTimeoutMs?: number;
  /** With `redpandaCheckpoints` on the same brokers: bytes that may wait for one checkpoint (64 MB). */
  readonly maxEpochBytes?: number;
}

const DEFAULT_ID_HEADER = "millrace-id";
const DEFAULT_BATCH: BatchPolicy = { size: 1_000 };
const DEFAULT_SEND_TIMEOUT_MS = 30_000;
const DEFAULT_EPOCH_BYTES = 64 * 1024 * 1024;
/** Kafka's default of `max.message.bytes`, for brokers that do not tell. */
const DEFAULT_MAX_MESSAGE_BYTES = 1_048_588;

/**
 * Appends messages, acknowledged by all in-sync replicas; the order of a key is kept. At-least-once: a replay appends again, with the same id in the header. With
 * `redpandaCheckpoints` on the same brokers it is exactly-once for readers of committed messages: messages are written in the transaction of the checkpoint
 * they belong to. A message that is too large, or that `encode` can not make, is poison; the others of its batch are written.
 *
 * Fails at connect with `E_REDPANDA_TOPIC`, `E_REDPANDA_AUTH` or `E_REDPANDA_CODEC`.
 *
 * @example
 * ```ts
 * import { from } from "@millrace/core";
 * import { redpandaSink } from "@millrace/redpanda";
 * const orders = redpandaSink<{ id: string }>({ brokers: ["127.0.0.1:9092"], topic: "orders", encode: (order) => ({ key: order.id, value: JSON.stringify(order) }) });
 * await from([{ id: "1" }]).to(orders).run();
 * ```
 */
export function redpandaSink<T>(options: RedpandaSinkOptions<T>): Sink<T> {
  const { topic, name = `redpanda:${topic}`, batch = DEFAULT_BATCH } = options;
  requireArgument(typeof topic === "string" && topic !== "", "redpandaSink: topic must be a topic's name");
  requireArgument(typeof options.encode === "function", "redpandaSink: encode must be a function");
  requireArgument(
    options.compression === undefined || isCompression(options.compression),
    `redpandaSink: compression must be "none", "gzip", "snappy", "lz4" or "zstd"; it is ${JSON.stringify(options.compression)}`,
  );
  return {
    name,
    writes: "append",
    system: systemOf(options.brokers),
    batch,
    connect: (context) => ProducerConnection.open(options, context),
  };
}

class ProducerConnection<T> implements SinkConnection<T> {
  readonly #options: RedpandaSinkOptions<T>;
  readonly #driver: KafkaDriver;
  /** None where the checkpoint store writes. */
  readonly #producer: KafkaProducer | undefined;
  readonly #plan: EncodePlan<T>;
  #closing: Promise<void> | undefined;

  static async open<T>(options: RedpandaSinkOptions<T>, context: RuntimeContext): Promise<ProducerConnection<T>> {
    const { topic, idempotent = false, compression = "none", sendTimeoutMs = DEFAULT_SEND_TIMEOUT_MS } = options;
    const driver = driverOf(options, "redpandaSink");
    try {
      await driver.connect();
      const partitions = await driver.admin.partitions(topic);
      if (partitions === undefined)
        throw new WriteError(
          "fatal",
          "E_REDPANDA_TOPIC",
          `there is no topic "${topic}": make it first, see ensureTopic()`,
        );
      // Who may write a topic need not be allowed to read its settings.
      const config = await driver.admin.config(topic).catch(() => new Map<string, string>());
      await driver.requireCodec(compression);
      const transactional = context.transactionalSystem === systemOf(options.brokers);
      const producer = transactional
        ? undefined
        : await driver.producer({ idempotent, compression, timeoutMs: sendTimeoutMs });
      const maxBytes = Number(config.get("max.message.bytes") ?? DEFAULT_MAX_MESSAGE_BYTES);
      return new ProducerConnection(options, driver, producer, partitions.length, maxBytes);
    } catch (error) {
      await driver.close().catch(() => {});
      throw classify(error);
    }
  }

  private constructor(
    options: RedpandaSinkOptions<T>,
    driver: KafkaDriver,
    producer: KafkaProducer | undefined,
    partitions: number,
    maxBytes: number,
  ) {
    const { topic, encode, partitioner, idHeader = DEFAULT_ID_HEADER, compression = "none" } = options;
    this.#options = options;
    this.#driver = driver;
    this.#producer = producer;
    this.#plan = {
      topic,
      partitions,
      encode,
      partitioner,
      idHeader,
      maxBytes,
      compressed: producer !== undefined && compression !== "none",
    };
  }

  async open(): Promise<SinkWriter<T>> {
    const { topic, brokers, maxEpochBytes = DEFAULT_EPOCH_BYTES, compression = "none" } = this.#options;
    const maker = new MessageMaker(this.#plan);
    return this.#producer === undefined
      ? new TransactionalWriter(systemOf(brokers), topic, maker, maxEpochBytes, compression)
      : new DirectWriter(this.#producer, topic, maker);
  }

  async health(): Promise<Health> {
    const began = performance.now();
    try {
      await this.#driver.admin.ping();
      return { status: "up", latencyMs: performance.now() - began };
    } catch (error) {
      return { status: "down", latencyMs: performance.now() - began, detail: classify(error).message };
    }
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      try {
        await this.#producer?.close();
      } finally {
        await this.#driver.close();
      }
    })();
    return this.#closing;
  }
}
