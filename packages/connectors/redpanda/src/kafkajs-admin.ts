import { StreamError } from "@millrace/core";
import type { Admin, Kafka } from "kafkajs";
import type { KafkaAdmin, TopicOffsets, TopicPartition } from "./kafka-driver.js";
import { KafkajsLog } from "./kafkajs-log.js";

/** kafkajs has a name for it, but does not export it to ES modules. */
const TOPIC_RESOURCE = 2;

/** Topics and positions, by kafkajs. */
export class KafkajsAdmin implements KafkaAdmin {
  readonly #admin: Admin;
  readonly #log: KafkajsLog;

  constructor(kafka: Kafka) {
    this.#admin = kafka.admin();
    this.#log = new KafkajsLog(kafka);
  }

  connect(): Promise<void> {
    return this.#admin.connect();
  }

  async close(): Promise<void> {
    await this.#log.close();
    await this.#admin.disconnect();
  }

  topics(): Promise<readonly string[]> {
    return this.#admin.listTopics();
  }

  async partitions(topic: string): Promise<readonly number[] | undefined> {
    // Asking for a topic that is not there can make it; asking for all of them can not.
    const topics = await this.#admin.listTopics();
    if (!topics.includes(topic)) return undefined;
    const { topics: found } = await this.#admin.fetchTopicMetadata({ topics: [topic] });
    return found[0]?.partitions.map(({ partitionId }) => partitionId).sort((left, right) => left - right);
  }

  async offsets(topic: string): Promise<readonly TopicOffsets[]> {
    const partitions = await this.partitions(topic);
    return partitions === undefined ? [] : this.#log.offsets(topic, partitions);
  }

  async config(topic: string): Promise<ReadonlyMap<string, string>> {
    const { resources } = await this.#admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: TOPIC_RESOURCE, name: topic }],
    });
    return new Map((resources[0]?.configEntries ?? []).map(({ configName, configValue }) => [configName, configValue]));
  }

  async offsetsAt(topic: string, timestampMs: number): Promise<ReadonlyMap<number, bigint>> {
    const offsets = await this.#admin.fetchTopicOffsetsByTimestamp(topic, timestampMs);
    return new Map(offsets.map(({ partition, offset }) => [partition, BigInt(offset)]));
  }

  async probe(place: TopicPartition, offset: bigint): Promise<void> {
    // A broker gives the first batch whole, however large.
    await this.#log.fetch(place, offset, 0, 1);
  }

  async committed(groupId: string, topic: string): Promise<ReadonlyMap<number, bigint>> {
    const [found] = await this.#admin.fetchOffsets({ groupId, topics: [topic] });
    return new Map(
      (found?.partitions ?? [])
        .filter(({ offset }) => Number(offset) >= 0)
        .map(({ partition, offset }) => [partition, BigInt(offset)]),
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
    const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
    return this.#admin.createTopics({
      waitForLeaders: false,
      topics: [{ topic, numPartitions: partitions, replicationFactor: replicas, configEntries }],
    });
  }

  deleteTopic(topic: string): Promise<void> {
    return this.#admin.deleteTopics({ topics: [topic] });
  }

  async ping(): Promise<void> {
    const { brokers } = await this.#admin.describeCluster();
    if (brokers.length === 0) throw new StreamError("E_SOURCE", "the cluster has no broker");
  }
}
