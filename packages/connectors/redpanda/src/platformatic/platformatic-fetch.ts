import type { ClusterMetadata, Consumer } from "@platformatic/kafka";
import { AbortedTransactions } from "../aborted-transactions.js";
import { copyBytes } from "../byte-copies.js";
import type { KafkaBatch, KafkaMessage, TopicPartition } from "../kafka-driver.js";
import { type MessageHeaders, NO_HEADERS, putHeader } from "../message-headers.js";

/** A partition to fetch from, and where. */
export interface FetchPlace extends TopicPartition {
  readonly offset: bigint;
}

export interface FetchLimits {
  readonly isolation: "read_committed" | "read_uncommitted";
  readonly maxWaitMs: number;
  /** Of a partition; a broker gives the first batch whole, however large. */
  readonly maxBytes?: number;
}

/** The client does not name these in what it exports. */
type FetchRequestTopic = Parameters<Consumer["fetch"]>[0]["topics"][number];
type FetchResponse = Awaited<ReturnType<typeof fetchOne>>;
type ResponsePartition = FetchResponse["responses"][number]["partitions"][number];

const READ_UNCOMMITTED = 0;
const READ_COMMITTED = 1;
const MAX_BYTES = 10 * 1024 * 1024;
const MAX_PARTITION_BYTES = 1024 * 1024;
const IS_TRANSACTIONAL = 0b1_0000;
const IS_CONTROL = 0b10_0000;
const LOG_APPEND_TIME = 0b1000;
const decoder = new TextDecoder();

function fetchOne(consumer: Consumer, options: Parameters<Consumer["fetch"]>[0]) {
  return consumer.fetch(options);
}

/** One answer of each broker that leads some of the partitions. */
export async function fetchAll(
  consumer: Consumer,
  places: readonly FetchPlace[],
  limits: FetchLimits,
): Promise<KafkaBatch[]> {
  consumer.topics.trackAll(...new Set(places.map(({ topic }) => topic).filter((topic) => !consumer.topics.has(topic))));
  const metadata = await consumer.metadata({ topics: [...new Set(places.map(({ topic }) => topic))] });
  const nodes = new Map<number, FetchPlace[]>();
  for (const place of places) {
    const leader = metadata.topics.get(place.topic)?.partitions[place.partition]?.leader;
    if (leader === undefined || leader < 0) continue;
    const own = nodes.get(leader);
    if (own === undefined) nodes.set(leader, [place]);
    else own.push(place);
  }
  if (nodes.size === 0) throw new Error("none of the partitions has a leader now");
  const answers = await Promise.all([...nodes].map(([node, own]) => fetchNode(consumer, node, own, metadata, limits)));
  return answers.flat();
}

async function fetchNode(
  consumer: Consumer,
  node: number,
  places: readonly FetchPlace[],
  metadata: ClusterMetadata,
  { isolation, maxWaitMs, maxBytes = MAX_PARTITION_BYTES }: FetchLimits,
): Promise<KafkaBatch[]> {
  const topics = new Map<string, FetchRequestTopic>();
  const names = new Map<string, string>();
  for (const { topic, partition, offset } of places) {
    const topicId = metadata.topics.get(topic)?.id as string;
    names.set(topicId, topic);
    const request = topics.get(topicId) ?? { topicId, partitions: [] };
    request.partitions.push({
      partition,
      currentLeaderEpoch: -1,
      fetchOffset: offset,
      lastFetchedEpoch: -1,
      partitionMaxBytes: maxBytes,
    });
    topics.set(topicId, request);
  }
  const response = await fetchOne(consumer, {
    node,
    topics: [...topics.values()],
    maxWaitTime: maxWaitMs,
    minBytes: 1,
    maxBytes: MAX_BYTES,
    isolationLevel: isolation === "read_committed" ? READ_COMMITTED : READ_UNCOMMITTED,
  });
  const answered = response.responses.flatMap(({ topicId, partitions }) =>
    partitions.map((partition) => ({ topic: names.get(topicId) as string, partition })),
  );
  const quiet = answered.every(({ partition }) => (partition.records?.length ?? 0) === 0);
  return answered.flatMap(({ topic, partition }) => {
    const place = places.find((one) => one.topic === topic && one.partition === partition.partitionIndex);
    return place === undefined ? [] : [batchOf(place, partition, isolation, quiet)];
  });
}

function batchOf(
  { topic, partition, offset }: FetchPlace,
  answer: ResponsePartition,
  isolation: FetchLimits["isolation"],
  quiet: boolean,
): KafkaBatch {
  const messages: KafkaMessage[] = [];
  let nextOffset = offset;
  // The client knows only the last aborted transaction of each producer, and hands out one whose mark is not in the same answer.
  const aborted = isolation === "read_committed" ? (answer.abortedTransactions ?? []) : [];
  const transactions = new AbortedTransactions(aborted);
  for (const records of answer.records ?? []) {
    const { attributes, producerId } = records;
    const lastOffset = records.firstOffset + BigInt(records.lastOffsetDelta);
    if (lastOffset >= nextOffset) nextOffset = lastOffset + 1n;
    const transactional = (attributes & IS_TRANSACTIONAL) !== 0;
    const control = (attributes & IS_CONTROL) !== 0;
    if (transactions.hides({ lastOffset, producerId, transactional, control })) continue;
    for (const { key, value, headers, timestampDelta, offsetDelta } of records.records) {
      const at = records.firstOffset + BigInt(offsetDelta);
      // A batch is given whole, also where it is asked for from its middle on.
      if (at < offset) continue;
      const timestamp = Number(
        (attributes & LOG_APPEND_TIME) === 0 ? records.firstTimestamp + timestampDelta : records.maxTimestamp,
      );
      messages.push({ key: copy(key), value: copy(value), headers: headersOf(headers), timestamp, offset: at });
    }
  }
  return { topic, partition, messages, fetchedFrom: offset, nextOffset, highWatermark: answer.highWatermark, quiet };
}

/** The client gives slices of the whole answer. */
function copy(bytes: Buffer | null): Uint8Array | undefined {
  return bytes === null || bytes === undefined ? undefined : copyBytes(bytes);
}

function headersOf(headers: readonly (readonly [Buffer | null, Buffer | null])[]): MessageHeaders {
  if (headers.length === 0) return NO_HEADERS;
  const own: Record<string, Uint8Array> = {};
  for (const [name, value] of headers)
    if (name !== null && value !== null) putHeader(own, decoder.decode(name), copyBytes(value));
  return own;
}
