import { Kafka, type KafkaConfig, logLevel } from "kafkajs";
import type {
  BrokerConnection,
  Compression,
  ConsumerOptions,
  DriverFactory,
  KafkaAdmin,
  KafkaConsumer,
  KafkaDriver,
  KafkaLogReader,
  KafkaProducer,
  KafkaTransactionalProducer,
  ProducerOptions,
  TransactionalOptions,
} from "./kafka-driver.js";
import { KafkajsAdmin } from "./kafkajs-admin.js";
import { installCodecs, requireKafkajsCodec } from "./kafkajs-codecs.js";
import { KafkajsConsumer } from "./kafkajs-consumer.js";
import { patchIdleTimers } from "./kafkajs-idle-timers.js";
import { KafkajsLog } from "./kafkajs-log.js";
import { KafkajsProducer, KafkajsTransactionalProducer } from "./kafkajs-producer.js";
import { packMessages } from "./kafkajs-requests.js";

const DEFAULT_TIMEOUT_MS = 10_000;
/** Retries inside the client are few: the engine has its own, and a client that retries for minutes hides what is wrong. */
const CLIENT_RETRIES = 3;

/**
 * The default driver: kafkajs 2.2.4. `config` is kafkajs's own, over what the connector sets.
 *
 * @example
 * ```ts
 * import { kafkajs, redpandaTopic } from "@millrace/redpanda";
 * const events = redpandaTopic({ brokers: ["127.0.0.1:9092"], topic: "events", driver: kafkajs({ authenticationTimeout: 3_000 }) });
 * ```
 */
export function kafkajs(config: Partial<KafkaConfig> = {}): DriverFactory {
  return (connection) => new KafkajsDriver(connection, config);
}

class KafkajsDriver implements KafkaDriver {
  readonly name = "kafkajs";
  readonly #kafka: Kafka;
  readonly #admin: KafkajsAdmin;

  constructor(connection: BrokerConnection, config: Partial<KafkaConfig>) {
    patchIdleTimers();
    installCodecs();
    const timeoutMs = connection.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    // kafkajs writes into the object with the credentials: a copy of it with another password would go on with the first one.
    this.#kafka = new Kafka({
      clientId: connection.clientId ?? "millrace",
      brokers: [...connection.brokers],
      connectionTimeout: timeoutMs,
      requestTimeout: Math.max(timeoutMs, 30_000),
      logLevel: logLevel.NOTHING,
      retry: { retries: CLIENT_RETRIES, initialRetryTime: 100, maxRetryTime: 2_000 },
      ...(connection.ssl === undefined ? {} : { ssl: connection.ssl as NonNullable<KafkaConfig["ssl"]> }),
      ...(connection.sasl === undefined ? {} : { sasl: { ...connection.sasl } as NonNullable<KafkaConfig["sasl"]> }),
      ...config,
    });
    packMessages(this.#kafka);
    this.#admin = new KafkajsAdmin(this.#kafka);
  }

  get admin(): KafkaAdmin {
    return this.#admin;
  }

  connect(): Promise<void> {
    return this.#admin.connect();
  }

  consumer(options: ConsumerOptions): KafkaConsumer {
    return new KafkajsConsumer(this.#kafka, options);
  }

  requireCodec(kind: Compression): Promise<void> {
    return requireKafkajsCodec(kind);
  }

  async producer(options: ProducerOptions): Promise<KafkaProducer> {
    return KafkajsProducer.open(this.#kafka, options);
  }

  transactional(options: TransactionalOptions): Promise<KafkaTransactionalProducer> {
    return KafkajsTransactionalProducer.open(this.#kafka, options);
  }

  async log(): Promise<KafkaLogReader> {
    return new KafkajsLog(this.#kafka);
  }

  close(): Promise<void> {
    return this.#admin.close();
  }
}
