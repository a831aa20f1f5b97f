import { from } from "@millrace/core";
import { redpandaSink } from "@millrace/redpanda";
import { type ICustomPartitioner, Partitioners, type Producer } from "kafkajs";
import type { BenchEvent } from "../bench-event.js";
import { type ConnectorBench, slices } from "../connector-bench.js";
import { type Contents, contentsOf } from "../contents.js";
import { brokers, createTopic, deleteTopic, KAFKA_BATCH, kafkaClient, PARTITIONS, readTopic } from "../kafka-topic.js";

const partitioner: ReturnType<ICustomPartitioner> = Partitioners.DefaultPartitioner();
const PARTITION_METADATA = Array.from({ length: PARTITIONS }, (_, partitionId) => ({
  partitionErrorCode: 0,
  partitionId,
  leader: 1,
  replicas: [1],
  isr: [1],
}));

async function withProducer(work: (producer: Producer) => Promise<void>): Promise<void> {
  const producer = kafkaClient().producer({ allowAutoTopicCreation: false, maxInFlightRequests: 5 });
  await producer.connect();
  try {
    await work(producer);
  } finally {
    await producer.disconnect();
  }
}

function messageOf(value: BenchEvent) {
  return { key: value.citizenID, value: JSON.stringify(value) };
}

/** One partition a send, as whoever does not want to lose acknowledged messages must do it. */
function loop(topic: string, values: readonly BenchEvent[]): Promise<void> {
  return withProducer(async (producer) => {
    for (const slice of slices(values, KAFKA_BATCH)) {
      const byPartition = new Map<number, { key: string; value: string; partition: number }[]>();
      for (const value of slice) {
        const message = messageOf(value);
        const partition = partitioner({ topic, partitionMetadata: PARTITION_METADATA, message });
        let own = byPartition.get(partition);
        if (own === undefined) {
          own = [];
          byPartition.set(partition, own);
        }
        own.push({ ...message, partition });
      }
      await Promise.all([...byPartition.values()].map((messages) => producer.send({ topic, messages })));
    }
  });
}

/** Without the header that holds the id, which the loop does not write either. */
async function millrace(topic: string, values: readonly BenchEvent[]): Promise<void> {
  const sink = redpandaSink<BenchEvent>({ brokers: brokers(), topic, encode: messageOf, idHeader: false });
  await from(values).to(sink).run();
}

function writer(topic: string, values: readonly BenchEvent[]): Promise<void> {
  return withProducer(async (producer) => {
    for (const slice of slices(values, KAFKA_BATCH))
      await producer.sendBatch({ topicMessages: [{ topic, messages: slice.map(messageOf) }] });
  });
}

function one(topic: string, values: readonly BenchEvent[]): Promise<void> {
  return withProducer(async (producer) => {
    for (const value of values) await producer.send({ topic, messages: [messageOf(value)] });
  });
}

async function contents(topic: string): Promise<Contents> {
  const texts: string[] = [];
  await readTopic(topic, ({ key, value }) => texts.push(`${key} ${value}`));
  return contentsOf(texts);
}

export const bench: ConnectorBench = {
  kind: "sink",
  create: createTopic,
  contenders: { loop, millrace, writer, await: one },
  text: (value) => `${value.citizenID} ${JSON.stringify(value)}`,
  contents,
  drop: deleteTopic,
};
