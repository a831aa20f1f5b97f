import { setTimeout as elapsed } from "node:timers/promises";
import { WriteError } from "@millrace/core";
import {
  type ClusterMetadata,
  Consumer,
  type ExtendedGroupProtocolSubscription,
  type GroupAssignment,
  type GroupPartitionsAssignments,
} from "@platformatic/kafka";
import { assignPartitions } from "../assign-partitions.js";
import type { ConsumerOptions, KafkaConsumer, TopicPartition } from "../kafka-driver.js";
import { classify } from "../redpanda-errors.js";
import { type FetchPlace, fetchAll } from "./platformatic-fetch.js";
import type { ClientOptions } from "./platformatic-options.js";

const IDLE_MS = 50;
const RETRY_MS = 300;
/** In a row, before the consumer is over. */
const JOIN_ATTEMPTS = 100;
const HEARTBEAT_MS = 1_000;
const REBALANCE_MS = 60_000;

/** A member of a group that fetches by itself: the client's own streams can neither pause a partition nor tell from where they read. */
export class PlatformaticConsumer implements KafkaConsumer {
  readonly #consumer: Consumer;
  readonly #options: ConsumerOptions;
  #held: readonly TopicPartition[] = [];
  /** `topic/partition` → where the next fetch begins. */
  readonly #offsets = new Map<string, FetchPlace>();
  readonly #paused = new Set<string>();
  #loop: Promise<void> = Promise.resolve();
  #stopping: Promise<void> | undefined;
  #over = false;

  constructor(client: ClientOptions, options: ConsumerOptions) {
    this.#options = options;
    // Without retries of its own: a commit that is refused would be tried again under the next generation.
    this.#consumer = new Consumer({ ...client, groupId: options.groupId, retries: 0 });
    this.#consumer.topics.trackAll(...options.topics.map(String));
    this.#consumer.on("consumer:group:join", ({ assignments }) => this.#joined(assignments ?? []));
    this.#consumer.on("consumer:heartbeat:end", () => options.events.polled());
    // It could not join again by itself.
    this.#consumer.on("error" as never, (() => void this.#join()) as never);
  }

  async start(): Promise<void> {
    await this.#joinOnce();
    this.#loop = this.#run().catch((error) => this.#crash(error));
  }

  pause(partitions: readonly TopicPartition[]): void {
    for (const place of partitions) this.#paused.add(nameOf(place));
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const place of partitions) this.#paused.delete(nameOf(place));
  }

  seek(place: TopicPartition, offset: bigint): void {
    this.#offsets.set(nameOf(place), { topic: place.topic, partition: place.partition, offset });
  }

  async commit(offsets: readonly (TopicPartition & { readonly offset: bigint })[]): Promise<void> {
    if (this.#consumer.memberId === null)
      throw new WriteError("transient", "E_REDPANDA_CONNECTION", "the consumer is not in its group now");
    await this.#consumer.commit({
      offsets: offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset, leaderEpoch: -1 })),
    });
  }

  stop(): Promise<void> {
    this.#stopping ??= (async () => {
      this.#over = true;
      await this.#loop;
      await Promise.resolve(this.#consumer.leaveGroup()).catch(() => {});
      await this.#consumer.close();
    })();
    return this.#stopping;
  }

  #joined(assignments: readonly GroupAssignment[]): void {
    this.#held = assignments.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })));
    const held = new Set(this.#held.map(nameOf));
    for (const name of [...this.#offsets.keys()]) if (!held.has(name)) this.#offsets.delete(name);
    this.#paused.clear();
    this.#options.events.assigned(this.#held);
  }

  async #run(): Promise<void> {
    const { events, isolation, maxWaitMs } = this.#options;
    while (!this.#over) {
      const places = this.#held.flatMap((place) => {
        const found = this.#paused.has(nameOf(place)) ? undefined : this.#offsets.get(nameOf(place));
        return found === undefined ? [] : [found];
      });
      if (places.length === 0) {
        await elapsed(IDLE_MS);
        continue;
      }
      try {
        for (const batch of await fetchAll(this.#consumer, places, { isolation, maxWaitMs })) {
          const name = nameOf(batch);
          // A seek or a loss came in between.
          if (this.#over || this.#offsets.get(name)?.offset !== batch.fetchedFrom) continue;
          this.#offsets.set(name, { topic: batch.topic, partition: batch.partition, offset: batch.nextOffset });
          events.batch(batch);
        }
        events.polled();
      } catch (error) {
        this.#failed(error, places);
        await elapsed(RETRY_MS);
      }
    }
  }

  #failed(error: unknown, places: readonly FetchPlace[]): void {
    const failure = classify(error);
    if (failure.code === "E_REDPANDA_OFFSET_OUT_OF_RANGE") {
      // Of which partition the client does not say: each queue looks where it stands.
      for (const { topic, partition } of places)
        this.#options.events.batch({
          topic,
          partition,
          messages: [],
          fetchedFrom: -1n,
          nextOffset: -1n,
          highWatermark: 0n,
          quiet: false,
        });
      return;
    }
    if (error instanceof TypeError || failure.code === "E_REDPANDA_CODEC" || failure.code === "E_REDPANDA_AUTH")
      throw error;
    this.#consumer.clearMetadata();
  }

  async #join(): Promise<void> {
    for (let attempt = 1; !this.#over; attempt++) {
      try {
        return await this.#joinOnce();
      } catch (error) {
        if (attempt >= JOIN_ATTEMPTS || classify(error).class === "fatal") return this.#crash(error);
        this.#consumer.clearMetadata();
        await elapsed(RETRY_MS);
      }
    }
  }

  async #joinOnce(): Promise<void> {
    const { assignment, sessionTimeoutMs } = this.#options;
    const held = (): Buffer => Buffer.from(JSON.stringify([...new Set(this.#held.map(({ partition }) => partition))]));
    const protocol = {
      name: `millrace-${assignment}`,
      version: 1,
      // Asked anew at each join.
      get metadata(): Buffer {
        return held();
      },
    };
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#consumer.joinGroup({
          sessionTimeout: sessionTimeoutMs,
          rebalanceTimeout: Math.max(REBALANCE_MS, sessionTimeoutMs),
          heartbeatInterval: Math.min(HEARTBEAT_MS, sessionTimeoutMs / 3),
          protocols: [protocol],
          partitionAssigner: (_, members, topics, metadata) => this.#assign(members, topics, metadata),
        });
        return;
      } catch (error) {
        // A coordinator that is just starting.
        if (attempt >= 20 || this.#over || classify(error).class === "fatal") throw error;
        this.#consumer.clearMetadata();
        await elapsed(RETRY_MS);
      }
    }
  }

  #assign(
    members: ReadonlyMap<string, ExtendedGroupProtocolSubscription>,
    topics: ReadonlySet<string>,
    metadata: ClusterMetadata,
  ): GroupPartitionsAssignments[] {
    const counts = new Map([...topics].map((topic) => [topic, metadata.topics.get(topic)?.partitionsCount ?? 0]));
    const numbers = Array.from({ length: Math.max(0, ...counts.values()) }, (_, number) => number);
    const group = [...members].map(([id, member]) => ({ id, held: heldOf(member.metadata) }));
    const shares = assignPartitions(this.#options.assignment, group, numbers);
    return group.map(({ id }) => ({
      memberId: id,
      assignments: new Map(
        [...counts].map(([topic, count]) => [
          topic,
          { topic, partitions: (shares.get(id) ?? []).filter((number) => number < count) },
        ]),
      ),
    }));
  }

  #crash(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#options.events.crashed(error instanceof Error ? error : new Error(String(error)));
  }
}

function heldOf(metadata: Buffer | string | undefined): readonly number[] {
  const held: unknown = JSON.parse(metadata?.toString() || "[]");
  return Array.isArray(held) ? held.filter((number) => Number.isInteger(number)) : [];
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
