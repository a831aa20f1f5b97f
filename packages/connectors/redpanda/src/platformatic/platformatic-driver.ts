import { Consumer } from "@platformatic/kafka";
import type {
  BrokerConnection,
  Compression,
  ConsumerOptions,
  DriverFactory,
  KafkaAdmin,
  KafkaBatch,
  KafkaConsumer,
  KafkaDriver,
  KafkaLogReader,
  KafkaProducer,
  KafkaTransactionalProducer,
  ProducerOptions,
  TopicPartition,
  TransactionalOptions,
} from "../kafka-driver.js";
import { PlatformaticAdmin } from "./platformatic-admin.js";
import { patchCodecs, requirePlatformaticCodec } from "./platformatic-codecs.js";
import { PlatformaticConsumer } from "./platformatic-consumer.js";
import { fetchAll } from "./platformatic-fetch.js";
import { type ClientOptions, clientOptions } from "./platformatic-options.js";
import { PlatformaticProducer, PlatformaticTransactionalProducer } from "./platformatic-producer.js";

/**
 * The driver on `@platformatic/kafka` 1.35.0, which brings gzip, snappy and lz4; zstd is Node's own (22.15 and newer) or of the package "@hpcc-js/wasm-zstd". `config` is the client's own, over what the connector sets.
 *
 * @example
 * ```ts
 * import { redpandaTopic } from "@millrace/redpanda";
 * import { platformatic } from "@millrace/redpanda/platformatic";
 * const events = redpandaTopic({ brokers: ["127.0.0.1:9092"], topic: "events", driver: platformatic() });
 * ```
 */
export function platformatic(config: Partial<ClientOptions> = {}): DriverFactory {
  return (connection) => new PlatformaticDriver(connection, config);
}

class PlatformaticDriver implements KafkaDriver {
  readonly name = "platformatic";
  readonly #options: ClientOptions;
  readonly #admin: PlatformaticAdmin;

  constructor(connection: BrokerConnection, config: Partial<ClientOptions>) {
    this.#options = clientOptions(connection, config);
    this.#admin = new PlatformaticAdmin(this.#options);
  }

  get admin(): KafkaAdmin {
    return this.#admin;
  }

  async connect(): Promise<void> {
    await patchCodecs();
    await this.#admin.connect();
  }

  consumer(options: ConsumerOptions): KafkaConsumer {
    return new PlatformaticConsumer(this.#options, options);
  }

  requireCodec(kind: Compression): Promise<void> {
    return requirePlatformaticCodec(kind);
  }

  async producer(options: ProducerOptions): Promise<KafkaProducer> {
    return new PlatformaticProducer(this.#options, options);
  }

  transactional(options: TransactionalOptions): Promise<KafkaTransactionalProducer> {
    return PlatformaticTransactionalProducer.open(this.#options, options);
  }

  async log(): Promise<KafkaLogReader> {
    return new PlatformaticLog(this.#options);
  }

  close(): Promise<void> {
    return this.#admin.close();
  }
}

/** A consumer that joins no group. */
class PlatformaticLog implements KafkaLogReader {
  readonly #consumer: Consumer;

  constructor(options: ClientOptions) {
    this.#consumer = new Consumer({ ...options, groupId: "unused" });
  }

  async fetch(place: TopicPartition, offset: bigint, maxWaitMs: number): Promise<KafkaBatch | undefined> {
    try {
      const [batch] = await fetchAll(this.#consumer, [{ ...place, offset }], {
        isolation: "read_committed",
        maxWaitMs,
      });
      return batch;
    } catch (error) {
      this.#consumer.clearMetadata();
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#consumer.close();
  }
}
