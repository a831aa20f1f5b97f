import { from } from "@millrace/core";
import { redpandaTopic } from "@millrace/redpanda";
import type { BenchEvent } from "../bench-event.js";
import { AmountSum, type ConnectorBench, slices } from "../connector-bench.js";
import type { Contents } from "../contents.js";
import { brokers, createTopic, decodeEvent, deleteTopic, KAFKA_BATCH, kafkaClient, readTopic } from "../kafka-topic.js";

async function fill(topic: string, values: readonly BenchEvent[]): Promise<void> {
  await createTopic(topic);
  const producer = kafkaClient().producer({ allowAutoTopicCreation: false });
  await producer.connect();
  for (const slice of slices(values, KAFKA_BATCH))
    await producer.send({
      topic,
      messages: slice.map((value) => ({ key: value.citizenID, value: JSON.stringify(value) })),
    });
  await producer.disconnect();
}

async function loop(topic: string): Promise<Contents> {
  const sum = new AmountSum();
  await readTopic(topic, ({ value }) => {
    if (value !== null) sum.add(decodeEvent(value));
  });
  return sum.contents;
}

async function millrace(topic: string): Promise<Contents> {
  const sum = new AmountSum();
  const groupId = `${topic}-${Math.random().toString(36).slice(2)}`;
  const source = redpandaTopic({ brokers: brokers(), topic, groupId }).source({
    decode: ({ value }) => decodeEvent(value as Uint8Array),
    stopAt: "latest",
  });
  await from(source).forEach(sum.add);
  return sum.contents;
}

export const bench: ConnectorBench = { kind: "source", fill, contenders: { loop, millrace }, drop: deleteTopic };
