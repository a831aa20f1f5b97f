import { type BatchPolicy, type OutMessage, originId, type Sink, type SinkConnection, type SinkWriter, type WriteContext, WriteError, type WriteOutcome } from "@millrace/core";
import type { Compression, KafkaDriver, KafkaProducer, OutgoingMessage } from "./kafka-driver.js";
import { partitionOfKey } from "./partitioner.js";
import { classify } from "./redpanda-errors.js";
import { driverOf, type RedpandaConnection } from "./redpanda-options.js";

/** Options of {@link redpandaSink}. */
export interface RedpandaSinkOptions<T> extends RedpandaConnection {
  readonly topic: string;
  /** Its timestamp is the value's event time unless it names one. */
  readonly encode: (value: T) => OutMessage;
  /** Default: `redpanda:TOPIC`. */
  readonly name?: string;
  /** Where a message without a partition goes. Default: murmur2 of the key, as Kafka's own clients do; without a key, partitions in turns. */
  readonly partitioner?: (message: OutMessage, partitions: number) => number;
  /** Kafka drops the client's own repetitions (false). */
  readonly idempotent?: boolean;
  /** A header with the value's id, the same after a replay, so that readers can tell a repeated message ("millrace-id"); false: none. */
  readonly idHeader?: string | false;
  readonly compression?: Compression;
  readonly batch?: BatchPolicy;
  /** Milliseconds a broker may take to answer (30,000). */
  readonly sendTimeoutMs?: number;
}

const encoder = new TextEncoder();
const DEFAULT_ID_HEADER = "millrace-id";

/**
 * Appends messages, acknowledged by all in-sync replicas; order a key is kept. At-least-once: a replay appends again, with the same id in the header. Each
 * request goes to one partition, because kafkajs loses acknowledged messages otherwise when a broker dies.
 */
export function redpandaSink<T>(options: RedpandaSinkOptions<T>): Sink<T> {
  const { topic, name = `redpanda:${topic}`, batch = { size: 1_000 } } = options;
  return {
    name,
    writes: "append",
    batch,
    connect: async (): Promise<SinkConnection<T>> => {
      const driver = driverOf(options, "redpandaSink");
      try {
        await driver.connect();
        const partitions = await driver.admin.partitions(topic);
        if (partitions === undefined) throw new WriteError("fatal", "E_REDPANDA_TOPIC", `there is no topic "${topic}": make it first, see ensureTopic()`);
        const producer = await driver.producer({ idempotent: options.idempotent ?? false, compression: options.compression ?? "none", timeoutMs: options.sendTimeoutMs ?? 30_000 });
        return connectionOf(driver, producer, options, partitions.length);
      } catch (error) {
        await driver.close().catch(() => {});
        throw classify(error);
      }
    },
  };
}

function connectionOf<T>(driver: KafkaDriver, producer: KafkaProducer, options: RedpandaSinkOptions<T>, partitions: number): SinkConnection<T> {
  return {
    open: async () => new ProducerWriter(producer, options, partitions),
    health: async () => {
      const began = performance.now();
      try {
        await driver.admin.ping();
        return { status: "up", latencyMs: performance.now() - began };
      } catch (error) {
        return { status: "down", detail: classify(error).message };
      }
    },
    close: async () => {
      await producer.close();
      await driver.close();
    },
  };
}

class ProducerWriter<T> implements SinkWriter<T> {
  readonly #producer: KafkaProducer;
  readonly #options: RedpandaSinkOptions<T>;
  readonly #partitions: number;
  #turn = 0;

  constructor(producer: KafkaProducer, options: RedpandaSinkOptions<T>, partitions: number) {
    this.#producer = producer;
    this.#options = options;
    this.#partitions = partitions;
  }

  async write(values: readonly T[], context: WriteContext): Promise<readonly WriteOutcome[]> {
    const outcomes = new Array<WriteOutcome>(values.length).fill("written");
    const groups = new Map<number, { readonly messages: OutgoingMessage[]; readonly places: number[] }>();
    values.forEach((value, place) => {
      try {
        const message = this.#options.encode(value);
        const partition = this.#partitionOf(message);
        const group = groups.get(partition) ?? { messages: [], places: [] };
        group.messages.push(this.#outgoing(message, context, place));
        group.places.push(place);
        groups.set(partition, group);
      } catch (error) {
        outcomes[place] = { class: "poison", code: "E_REDPANDA_ENCODE", message: error instanceof Error ? error.message : String(error) };
      }
    });
    await Promise.all([...groups].map(([partition, { messages, places }]) => this.#send(partition, messages, places, outcomes)));
    return outcomes;
  }

  async close(): Promise<void> {}

  /** Halves what a broker refuses as too large or bad, in order, down to the message at fault. */
  async #send(partition: number, messages: readonly OutgoingMessage[], places: readonly number[], outcomes: WriteOutcome[]): Promise<void> {
    try {
      await this.#producer.send({ topic: this.#options.topic, partition }, messages);
    } catch (error) {
      const failure = classify(error);
      if (failure.class === "poison" && messages.length > 1) {
        const middle = messages.length >> 1;
        await this.#send(partition, messages.slice(0, middle), places.slice(0, middle), outcomes);
        await this.#send(partition, messages.slice(middle), places.slice(middle), outcomes);
        return;
      }
      for (const place of places) outcomes[place] = { class: failure.class, code: failure.code, message: failure.message };
    }
  }

  #partitionOf(message: OutMessage): number {
    if (message.partition !== undefined) return Number(message.partition);
    if (this.#options.partitioner !== undefined) return this.#options.partitioner(message, this.#partitions);
    if (message.key !== undefined) return partitionOfKey(bytesOf(message.key), this.#partitions);
    return this.#turn++ % this.#partitions;
  }

  #outgoing({ key, value, headers = {}, timestamp }: OutMessage, context: WriteContext, place: number): OutgoingMessage {
    const { idHeader = DEFAULT_ID_HEADER } = this.#options;
    const origin = context.origins[place];
    const all: Record<string, Uint8Array> = {};
    if (idHeader !== false && origin !== undefined) all[idHeader] = encoder.encode(originId(origin));
    for (const [name, header] of Object.entries(headers)) all[name] = bytesOf(header);
    return { key: key === undefined ? null : bytesOf(key), value: value === undefined ? null : bytesOf(value), headers: all, timestamp: timestamp ?? context.times[place] };
  }
}

function bytesOf(data: Uint8Array | string): Uint8Array {
  return typeof data === "string" ? encoder.encode(data) : data;
}
