import { messageOf, WriteError } from "@millrace/core";
import { type Assigner, AssignerProtocol, type Consumer, type Kafka, type PartitionAssigner } from "kafkajs";
import { assignPartitions } from "./assign-partitions.js";
import type { ConsumerOptions, KafkaConsumer, TopicPartition } from "./kafka-driver.js";
import { type RawCluster, type RawGroup, watchFetches } from "./kafkajs-internals.js";
import { packedBatchOf } from "./kafkajs-messages.js";

/** While a partition is paused, or not opened yet, a fetch of the others must not wait long: when that one goes on, it waits for this fetch to end. */
const PAUSED_WAIT_MS = 20;

/** A member of a group, by kafkajs. */
export class KafkajsConsumer implements KafkaConsumer {
  readonly #consumer: Consumer;
  readonly #options: ConsumerOptions;
  #held: readonly TopicPartition[] = [];
  /** Who commits under the present generation; none before the first fetch and after a crash. */
  #group: RawGroup | undefined;
  #stopping: Promise<void> | undefined;
  /** Those who wait for the end of a pause. */
  readonly #waiting = new Set<() => void>();

  constructor(kafka: Kafka, options: ConsumerOptions) {
    this.#options = options;
    this.#consumer = kafka.consumer({
      groupId: options.groupId,
      readUncommitted: options.isolation === "read_uncommitted",
      // Also how long a stopping consumer takes to leave: the default of 5 s is felt.
      maxWaitTimeInMs: options.maxWaitMs,
      sessionTimeout: options.sessionTimeoutMs,
      rebalanceTimeout: 60_000,
      partitionAssigners: [this.#assigner()],
    });
  }

  async start(): Promise<void> {
    const { events, topics } = this.#options;
    const consumer = this.#consumer;
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      const assigned = Object.entries(payload.memberAssignment);
      this.#held = assigned.flatMap(([topic, partitions]) => partitions.map((partition) => ({ topic, partition })));
      // A pause outlives a rebalance in kafkajs, so a partition that comes back would stay paused for ever.
      this.resume(this.#held);
      events.assigned(this.#held);
    });
    consumer.on(consumer.events.HEARTBEAT, () => events.polled());
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      this.#group = undefined;
      if (!payload.restart && this.#stopping === undefined) events.crashed(payload.error);
    });
    await consumer.connect();
    await consumer.subscribe({ topics: [...topics], fromBeginning: true });
    // The values have gone their way when the fetch came back. This only lets kafkajs note how far it is.
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: true,
      partitionsConsumedConcurrently: 16,
      eachBatch: async () => {},
    });
  }

  pause(partitions: readonly TopicPartition[]): void {
    this.#quietly(() => this.#consumer.pause(byTopic(partitions)));
  }

  resume(partitions: readonly TopicPartition[]): void {
    this.#quietly(() => this.#consumer.resume(byTopic(partitions)));
    this.#wake();
  }

  seek({ topic, partition }: TopicPartition, offset: bigint): void {
    this.#quietly(() => this.#consumer.seek({ topic, partition, offset: String(offset) }));
  }

  async commit(offsets: readonly (TopicPartition & { readonly offset: bigint })[]): Promise<void> {
    // consumer.commitOffsets() would do nothing, silently, while it does not run, and try again under the next generation.
    if (this.#group === undefined)
      throw new WriteError("transient", "E_REDPANDA_CONNECTION", "the consumer is not in its group now");
    const topics = byTopic(offsets).map(({ topic }) => ({
      topic,
      partitions: offsets
        .filter((one) => one.topic === topic)
        .map(({ partition, offset }) => ({ partition, offset: String(offset) })),
    }));
    await this.#group.commitOffsets({ topics });
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#consumer.disconnect();
    this.#wake();
    return this.#stopping;
  }

  #watch(cluster: RawCluster): void {
    const { events, maxWaitMs } = this.#options;
    watchFetches(cluster, {
      began: (group) => {
        this.#group = group;
        group.maxWaitTime = group.subscriptionState.paused().length > 0 ? PAUSED_WAIT_MS : maxWaitMs;
      },
      fetched: (batches) => {
        if (this.#stopping !== undefined) return;
        events.polled();
        const quiet = batches.every(({ rawMessages }) => rawMessages.length === 0);
        for (const batch of batches) events.batch(packedBatchOf(batch, quiet));
      },
      resumed: () =>
        new Promise((resolve) => {
          const wake = (): void => {
            clearTimeout(timer);
            this.#waiting.delete(wake);
            resolve();
          };
          const timer = setTimeout(wake, maxWaitMs);
          this.#waiting.add(wake);
        }),
    });
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }

  /** Each member tells what it holds, so that the leader of the group can leave it there. */
  #assigner(): PartitionAssigner {
    return ({ cluster }): Assigner => {
      this.#watch(cluster as unknown as RawCluster);
      const { assignment: mode } = this.#options;
      const name = `millrace-${mode}`;
      return {
        name,
        version: 1,
        protocol: ({ topics }) => ({
          name,
          metadata: AssignerProtocol.MemberMetadata.encode({
            version: 1,
            topics,
            userData: Buffer.from(JSON.stringify([...new Set(this.#held.map(({ partition }) => partition))])),
          }),
        }),
        assign: async ({ members, topics }) => {
          const all = topics.flatMap((topic) =>
            cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => ({ topic, partition: partitionId })),
          );
          const group = members.map(({ memberId, memberMetadata }) => ({ id: memberId, held: heldOf(memberMetadata) }));
          const shares = assignPartitions(
            mode,
            group,
            [...new Set(all.map(({ partition }) => partition))].sort((a, b) => a - b),
          );
          return members.map(({ memberId }) => {
            const own = new Set(shares.get(memberId) ?? []);
            const assignment = Object.fromEntries(
              byTopic(all.filter(({ partition }) => own.has(partition))).map(({ topic, partitions }) => [
                topic,
                partitions,
              ]),
            );
            return {
              memberId,
              memberAssignment: AssignerProtocol.MemberAssignment.encode({
                version: 1,
                assignment,
                userData: Buffer.alloc(0),
              }),
            };
          });
        },
      };
    };
  }

  /** Between two groups kafkajs throws on these; what they would have set is set anew at the next assignment. */
  #quietly(call: () => void): void {
    try {
      call();
    } catch (error) {
      if (!/Consumer group was not initialized/.test(messageOf(error))) throw error;
    }
  }
}

function heldOf(metadata: Buffer): readonly number[] {
  const held: unknown = JSON.parse(AssignerProtocol.MemberMetadata.decode(metadata)?.userData.toString() || "[]");
  return Array.isArray(held) ? held.filter((number) => Number.isInteger(number)) : [];
}

function byTopic(partitions: readonly TopicPartition[]): { topic: string; partitions: number[] }[] {
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of partitions) {
    const own = topics.get(topic);
    if (own === undefined) topics.set(topic, [partition]);
    else own.push(partition);
  }
  return [...topics].map(([topic, numbers]) => ({ topic, partitions: numbers }));
}
