import { setTimeout as elapsed } from "node:timers/promises";
import { StreamError } from "@millrace/core";
import { Admin, Consumer } from "@platformatic/kafka";
import type { KafkaAdmin, TopicOffsets, TopicPartition } from "../kafka-driver.js";
import { classify } from "../redpanda-errors.js";
import { fetchAll } from "./platformatic-fetch.js";
import type { ClientOptions } from "./platformatic-options.js";

const TOPIC_RESOURCE = 2;
const READ_UNCOMMITTED = 0;
const READ_COMMITTED = 1;
const LATEST = -1n;
const EARLIEST = -2n;

/** Topics and positions, by @platformatic/kafka. */
export class PlatformaticAdmin implements KafkaAdmin {
  readonly #admin: Admin;
  readonly #options: ClientOptions;
  /** Fetches for `probe()`: an Admin can not. It joins no group. */
  #prober: Consumer | undefined;

  constructor(options: ClientOptions) {
    this.#admin = new Admin(options);
    this.#options = options;
  }

  /** A login or certificate that is refused is refused at once: the client would try it four times. */
  async connect(): Promise<void> {
    const { retries, retryDelay } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const first = new Admin({ ...this.#options, retries: 0 });
      try {
        await first.listApis();
        return;
      } catch (error) {
        if (attempt > Number(retries) || classify(error).class === "fatal") throw error;
        await elapsed(Number(retryDelay));
      } finally {
        await first.close();
      }
    }
  }

  async close(): Promise<void> {
    await this.#prober?.close();
    await this.#admin.close();
  }

  topics(): Promise<readonly string[]> {
    return this.#admin.listTopics();
  }

  async partitions(topic: string): Promise<readonly number[] | undefined> {
    const topics = await this.#admin.listTopics();
    if (!topics.includes(topic)) return undefined;
    const metadata = await this.#admin.metadata({ topics: [topic], forceUpdate: true });
    return Array.from({ length: metadata.topics.get(topic)?.partitionsCount ?? 0 }, (_, partition) => partition);
  }

  async offsets(topic: string): Promise<readonly TopicOffsets[]> {
    const partitions = (await this.partitions(topic)) ?? [];
    const [low, stable, high] = await Promise.all([
      this.#list(topic, partitions, EARLIEST, READ_UNCOMMITTED),
      this.#list(topic, partitions, LATEST, READ_COMMITTED),
      this.#list(topic, partitions, LATEST, READ_UNCOMMITTED),
    ]);
    return partitions.map((partition) => ({
      partition,
      low: low.get(partition) ?? 0n,
      stable: stable.get(partition) ?? 0n,
      high: high.get(partition) ?? 0n,
    }));
  }

  async config(topic: string): Promise<ReadonlyMap<string, string>> {
    const [found] = await this.#admin.describeConfigs({
      resources: [
        {
          resourceType: TOPIC_RESOURCE,
          resourceName: topic,
          configurationKeys: ["cleanup.policy", "compression.type", "max.message.bytes"],
        },
      ],
    });
    return new Map((found?.configs ?? []).map(({ name, value }) => [name, value ?? ""]));
  }

  async offsetsAt(topic: string, timestampMs: number): Promise<ReadonlyMap<number, bigint>> {
    const partitions = (await this.partitions(topic)) ?? [];
    const found = await this.#list(topic, partitions, BigInt(timestampMs), READ_UNCOMMITTED);
    // Without a message as late as that the broker names none.
    return new Map([...found].filter(([, offset]) => offset >= 0n));
  }

  async probe(place: TopicPartition, offset: bigint): Promise<void> {
    this.#prober ??= new Consumer({ ...this.#options, groupId: "unused" });
    await fetchAll(this.#prober, [{ ...place, offset }], { isolation: "read_committed", maxWaitMs: 0, maxBytes: 1 });
  }

  async committed(groupId: string, topic: string): Promise<ReadonlyMap<number, bigint>> {
    const partitionIndexes = [...((await this.partitions(topic)) ?? [])];
    const [group] = await this.#admin.listConsumerGroupOffsets({
      groups: [{ groupId, topics: [{ name: topic, partitionIndexes }] }],
    });
    const found = group?.topics.find(({ name }) => name === topic)?.partitions ?? [];
    return new Map(
      found
        .filter(({ committedOffset }) => committedOffset >= 0n)
        .map(({ partitionIndex, committedOffset }) => [partitionIndex, committedOffset]),
    );
  }

  async createTopic(
    topic: string,
    {
      partitions,
      replicas,
      config,
    }: { readonly partitions: number; readonly replicas: number; readonly config: Readonly<Record<string, string>> },
  ): Promise<boolean> {
    const configs = Object.entries(config).map(([name, value]) => ({ name, value }));
    try {
      await this.#admin.createTopics({ topics: [topic], partitions, replicas, configs });
      return true;
    } catch (error) {
      if ((error as { findBy?(property: string, value: unknown): unknown }).findBy?.("apiId", "TOPIC_ALREADY_EXISTS"))
        return false;
      throw error;
    }
  }

  deleteTopic(topic: string): Promise<void> {
    return this.#admin.deleteTopics({ topics: [topic] });
  }

  async ping(): Promise<void> {
    const { brokers } = await this.#admin.metadata({ topics: [], forceUpdate: true });
    if (brokers.size === 0) throw new StreamError("E_SOURCE", "the cluster has no broker");
  }

  async #list(
    topic: string,
    partitions: readonly number[],
    timestamp: bigint,
    isolationLevel: 0 | 1,
  ): Promise<Map<number, bigint>> {
    if (partitions.length === 0) return new Map();
    const [found] = await this.#admin.listOffsets({
      topics: [{ name: topic, partitions: partitions.map((partitionIndex) => ({ partitionIndex, timestamp })) }],
      isolationLevel,
    });
    return new Map((found?.partitions ?? []).map(({ partitionIndex, offset }) => [partitionIndex, offset]));
  }
}
