import { type Admin, type Consumer, type Kafka, Kafka as KafkaClient, type KafkaMessage, logLevel } from "kafkajs";
import type { BenchEvent } from "./bench-event.js";
import { fromEnvironment } from "./connector-bench.js";

export const PARTITIONS = 6;
export const KAFKA_BATCH = 1_000;

export function brokers(): string[] {
  return fromEnvironment("KAFKA_BROKERS").split(",");
}

/** As the connector makes its own. */
export function kafkaClient(): Kafka {
  return new KafkaClient({ clientId: "bench", brokers: brokers(), logLevel: logLevel.NOTHING });
}

export async function createTopic(topic: string): Promise<void> {
  await withAdmin((admin) =>
    admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS, replicationFactor: 1 }], waitForLeaders: true }),
  );
}

export async function deleteTopic(topic: string): Promise<void> {
  await withAdmin((admin) => admin.deleteTopics({ topics: [topic] }));
}

/** Every message from the beginning to what the topic holds now, in a group that nobody else is in: the loop that the source is compared with. */
export async function readTopic(topic: string, each: (message: KafkaMessage) => void): Promise<void> {
  const kafka = kafkaClient();
  const ends = await withAdmin((admin) => admin.fetchTopicOffsets(topic));
  const open = new Map(
    ends.filter(({ high }) => high !== "0").map(({ partition, high }) => [partition, BigInt(high) - 1n]),
  );
  if (open.size === 0) return;
  const consumer = kafka.consumer({ groupId: `${topic}-${Math.random().toString(36).slice(2)}`, maxWaitTimeInMs: 500 });
  await consumer.connect();
  try {
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await readToEnd(consumer, open, each);
  } finally {
    await consumer.disconnect();
  }
}

function readToEnd(
  consumer: Consumer,
  open: Map<number, bigint>,
  each: (message: KafkaMessage) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
    consumer
      .run({
        autoCommit: false,
        partitionsConsumedConcurrently: 16,
        eachBatch: async ({ batch }) => {
          for (const message of batch.messages) each(message);
          const last = open.get(batch.partition);
          if (last === undefined || BigInt(batch.lastOffset()) < last) return;
          open.delete(batch.partition);
          if (open.size === 0) resolve();
        },
      })
      .catch(reject);
  });
}

/** The same for everybody: bytes to text to value. */
export function decodeEvent(bytes: Uint8Array): BenchEvent {
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()) as BenchEvent;
}

async function withAdmin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = kafkaClient().admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}
