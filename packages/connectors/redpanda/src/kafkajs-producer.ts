import { CompressionTypes, type Kafka, type Producer } from "kafkajs";
import type {
  Compression,
  KafkaProducer,
  KafkaTransactionalProducer,
  OutgoingMessage,
  ProducerOptions,
  TopicPartition,
  TransactionalOptions,
  TransactionalSend,
} from "./kafka-driver.js";
import { outgoing } from "./kafkajs-messages.js";

/** Retries inside the client are few: the engine has its own, and a client that retries for minutes hides what is wrong. */
const CLIENT_RETRIES = 3;
const COMPRESSION: Readonly<Record<Compression, CompressionTypes>> = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
};

/**
 * One partition a send: in a send that spans brokers kafkajs keeps the answers by broker over its retries, so that when leadership moves to a broker that has
 * answered already, messages are acknowledged and never written.
 */
export class KafkajsProducer implements KafkaProducer {
  readonly #kafka: Kafka;
  readonly #options: ProducerOptions;
  #current: Promise<Producer>;
  #closed = false;

  static async open(kafka: Kafka, options: ProducerOptions): Promise<KafkajsProducer> {
    const producer = new KafkajsProducer(kafka, options);
    await producer.#current;
    return producer;
  }

  private constructor(kafka: Kafka, options: ProducerOptions) {
    this.#kafka = kafka;
    this.#options = options;
    this.#current = this.#create();
  }

  async send({ topic, partition }: TopicPartition, messages: readonly OutgoingMessage[]): Promise<void> {
    const { compression, timeoutMs, idempotent } = this.#options;
    const current = this.#current;
    const producer = await current;
    try {
      await producer.send({
        topic,
        acks: -1,
        timeout: timeoutMs,
        compression: COMPRESSION[compression],
        messages: messages.map((message) => outgoing(message, partition)),
      });
    } catch (error) {
      // It takes its sequence number back: the next messages, if they are others, would pass for repetitions of these and be dropped.
      if (idempotent) this.#replace(current);
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await (await this.#current.catch(() => undefined))?.disconnect();
  }

  #create(): Promise<Producer> {
    const { idempotent } = this.#options;
    const producer = this.#kafka.producer({
      idempotent,
      maxInFlightRequests: idempotent ? 1 : 5,
      allowAutoTopicCreation: false,
      retry: { retries: CLIENT_RETRIES },
    });
    return producer.connect().then(() => producer);
  }

  /** Once, however many sends failed on the old one. */
  #replace(failed: Promise<Producer>): void {
    if (this.#current !== failed || this.#closed) return;
    const next = failed
      .then((producer) => producer.disconnect())
      .catch(() => {})
      .then(() => this.#create());
    // Who sends next hears of it, and tries again with another.
    next.catch(() => this.#replace(next));
    this.#current = next;
  }
}

/** One transactional id, one transaction at a time. */
export class KafkajsTransactionalProducer implements KafkaTransactionalProducer {
  readonly #producer: Producer;

  static async open(
    kafka: Kafka,
    { transactionalId, timeoutMs }: TransactionalOptions,
  ): Promise<KafkajsTransactionalProducer> {
    const producer = kafka.producer({
      transactionalId,
      transactionTimeout: timeoutMs,
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      retry: { retries: 8, initialRetryTime: 50, maxRetryTime: 1_000 },
    });
    await producer.connect();
    try {
      // kafkajs takes its producer id, which fences the former owner, only with its first transaction.
      const first = await producer.transaction();
      await first.abort();
      return new KafkajsTransactionalProducer(producer);
    } catch (error) {
      await producer.disconnect().catch(() => {});
      throw error;
    }
  }

  private constructor(producer: Producer) {
    this.#producer = producer;
  }

  async transact(sends: readonly TransactionalSend[]): Promise<void> {
    const transaction = await this.#producer.transaction();
    for (const { target, messages, compression = "none" } of sends)
      await transaction.send({
        topic: target.topic,
        acks: -1,
        compression: COMPRESSION[compression],
        messages: messages.map((message) => outgoing(message, target.partition)),
      });
    await transaction.commit();
  }

  close(): Promise<void> {
    return this.#producer.disconnect();
  }
}
