import { createRequire } from "node:module";
import type { Assigner, Cluster, Kafka } from "kafkajs";
import type { PackedAnswer } from "./kafkajs-fetch-answers.js";

/** The version of kafkajs is pinned: what is not in its types is read here and in the files that tell how messages are packed. */
const require = createRequire(import.meta.url);

/** A message as kafkajs decodes it: key and value are slices of the whole answer. */
export interface RawMessage {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer | string | readonly (Buffer | string)[] | undefined>>;
  readonly timestamp: string;
  readonly offset: string;
}

/** One partition of an answer, aborted messages and marks taken out of `messages`. */
export interface RawBatch {
  readonly topic: string;
  readonly partition: number;
  readonly fetchedOffset: string;
  readonly highWatermark: string;
  readonly messages: readonly (RawMessage | PackedAnswer)[];
  readonly rawMessages: readonly (RawMessage | PackedAnswer)[];
  lastOffset(): string;
}

/** The part of a consumer that is a member of the group. */
export interface RawGroup {
  readonly cluster: RawCluster;
  /** How long a broker may hold back an empty answer, in milliseconds. */
  maxWaitTime: number;
  readonly subscriptionState: {
    assigned(): { readonly topic: string; readonly partitions: readonly number[] }[];
    paused(): readonly object[];
    isPaused(topic: string, partition: number): boolean;
  };
  filterPartitionsByNode(
    nodeId: string,
    assigned: readonly { readonly topic: string; readonly partitions: readonly number[] }[],
  ): readonly { readonly topic: string; readonly partitions: readonly number[] }[];
  fetch(nodeId: string): Promise<RawBatch[]>;
  commitOffsets(offsets: {
    readonly topics: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
    }[];
  }): Promise<void>;
}

export interface RawBroker {
  fetch(request: object): Promise<{ readonly responses: readonly { readonly partitions: readonly object[] }[] }>;
  listOffsets(request: {
    readonly isolationLevel: 0 | 1;
    readonly topics: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number; readonly timestamp: number }[];
    }[];
  }): Promise<{
    readonly responses: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
    }[];
  }>;
}

/** The connections of a client. */
export interface RawCluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  refreshMetadata(): Promise<void>;
  refreshMetadataIfNecessary(): Promise<void>;
  findBroker(node: { readonly nodeId: string }): Promise<RawBroker>;
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Readonly<Record<string, readonly number[]>>;
}

export const RawBatch = require("kafkajs/src/consumer/batch") as new (
  topic: string,
  fetchedOffset: string,
  data: object,
) => RawBatch;

/** What a consumer of ours is told of each answer to a fetch. */
export interface FetchWatch {
  /** A fetch begins; `group` is who commits from now on. */
  began(group: RawGroup): void;
  fetched(batches: readonly RawBatch[]): void;
  /** Resolves when a pause has ended, and at the latest after the longest wait of a fetch. */
  resumed(): Promise<void>;
}

const watches = new WeakMap<RawCluster, FetchWatch>();
let patched = false;

/**
 * Tells the consumer of this cluster of every answer as it comes. kafkajs itself keeps to itself from where it fetched, hands nothing on where an answer
 * holds only marks of transactions, counts no batches in its FETCH event, and offers only a commit that is tried again under a later generation.
 */
export function watchFetches(cluster: RawCluster, watch: FetchWatch): void {
  watches.set(cluster, watch);
  if (patched) return;
  patched = true;
  const { prototype } = require("kafkajs/src/consumer/consumerGroup") as { readonly prototype: RawGroup };
  const original = prototype.fetch;
  prototype.fetch = async function watchedFetch(this: RawGroup, nodeId: string): Promise<RawBatch[]> {
    const own = watches.get(this.cluster);
    if (own === undefined) return original.call(this, nodeId);
    own.began(this);
    if (allPaused(this, nodeId)) {
      // kafkajs would sleep through a resume.
      await own.resumed();
      if (allPaused(this, nodeId)) return [];
    }
    const batches = await original.call(this, nodeId);
    own.fetched(batches);
    return batches;
  };
}

function allPaused(group: RawGroup, nodeId: string): boolean {
  const { subscriptionState } = group;
  let paused = false;
  for (const { topic, partitions } of group.filterPartitionsByNode(nodeId, subscriptionState.assigned()))
    for (const partition of partitions) {
      if (!subscriptionState.isPaused(topic, partition)) return false;
      paused = true;
    }
  return paused;
}

/** The connections of a new consumer, which is never run. */
export function rawCluster(kafka: Kafka): RawCluster {
  let found: Cluster | undefined;
  const unused = {
    name: "unused",
    version: 0,
    assign: async () => [],
    protocol: () => ({ name: "unused", metadata: Buffer.alloc(0) }),
  };
  kafka.consumer({
    groupId: "unused",
    partitionAssigners: [
      ({ cluster }): Assigner => {
        found = cluster;
        return unused;
      },
    ],
  });
  return found as unknown as RawCluster;
}
