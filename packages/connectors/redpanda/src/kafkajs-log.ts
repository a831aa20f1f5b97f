import type { Kafka } from "kafkajs";
import type { KafkaBatch, KafkaLogReader, TopicOffsets, TopicPartition } from "./kafka-driver.js";
import { RawBatch, type RawCluster, rawCluster } from "./kafkajs-internals.js";
import { batchOf } from "./kafkajs-messages.js";

const READ_UNCOMMITTED = 0;
const READ_COMMITTED = 1;
const LATEST = -1;
const EARLIEST = -2;
const MAX_BYTES = 4 * 1024 * 1024;

/** Reads partitions by the client's own connections, without a group: kafkajs offers no such thing. */
export class KafkajsLog implements KafkaLogReader {
  readonly #cluster: RawCluster;
  #connecting: Promise<void> | undefined;

  constructor(kafka: Kafka) {
    this.#cluster = rawCluster(kafka);
  }

  async fetch(
    { topic, partition }: TopicPartition,
    offset: bigint,
    maxWaitMs: number,
    maxBytes: number = MAX_BYTES,
  ): Promise<KafkaBatch | undefined> {
    const leader = Object.keys((await this.#leaders(topic, [partition])) ?? {})[0] as string;
    const raw = await this.#atLeader(async () => {
      const broker = await this.#cluster.findBroker({ nodeId: leader });
      const { responses } = await broker.fetch({
        maxWaitTime: maxWaitMs,
        minBytes: 1,
        maxBytes,
        isolationLevel: READ_COMMITTED,
        topics: [{ topic, partitions: [{ partition, fetchOffset: String(offset), maxBytes }] }],
      });
      const data = responses[0]?.partitions[0];
      return data === undefined ? undefined : new RawBatch(topic, String(offset), data);
    });
    return raw === undefined ? undefined : batchOf(raw, raw.rawMessages.length === 0);
  }

  async offsets(topic: string, partitions: readonly number[]): Promise<readonly TopicOffsets[]> {
    const found = new Map<number, { low: bigint; stable: bigint; high: bigint }>(
      partitions.map((partition) => [partition, { low: 0n, stable: 0n, high: 0n }]),
    );
    const leaders = await this.#leaders(topic, partitions);
    await this.#atLeader(async () => {
      for (const [nodeId, own] of Object.entries(leaders)) {
        const broker = await this.#cluster.findBroker({ nodeId });
        const ask = async (
          field: "low" | "stable" | "high",
          timestamp: number,
          isolationLevel: 0 | 1,
        ): Promise<void> => {
          const { responses } = await broker.listOffsets({
            isolationLevel,
            topics: [{ topic, partitions: own.map((partition) => ({ partition, timestamp })) }],
          });
          for (const { partition, offset } of responses[0]?.partitions ?? [])
            (found.get(partition) as Record<typeof field, bigint>)[field] = BigInt(offset);
        };
        await ask("low", EARLIEST, READ_UNCOMMITTED);
        await ask("stable", LATEST, READ_COMMITTED);
        await ask("high", LATEST, READ_UNCOMMITTED);
      }
    });
    return [...found].map(([partition, offsets]) => ({ partition, ...offsets }));
  }

  async close(): Promise<void> {
    await this.#connecting?.catch(() => {});
    await this.#cluster.disconnect();
  }

  async #leaders(topic: string, partitions: readonly number[]): Promise<Readonly<Record<string, readonly number[]>>> {
    this.#connecting ??= this.#cluster.connect();
    try {
      await this.#connecting;
    } catch (error) {
      this.#connecting = undefined;
      throw error;
    }
    await this.#cluster.addTargetTopic(topic);
    await this.#cluster.refreshMetadataIfNecessary();
    return this.#cluster.findLeaderForPartitions(topic, partitions);
  }

  /** Leadership moves: whoever tries again must ask anew who leads. */
  async #atLeader<R>(work: () => Promise<R>): Promise<R> {
    try {
      return await work();
    } catch (error) {
      await this.#cluster.refreshMetadata().catch(() => {
        this.#connecting = undefined;
      });
      throw error;
    }
  }
}
