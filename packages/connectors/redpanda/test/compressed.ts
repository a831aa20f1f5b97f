import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Consumer } from "@platformatic/kafka";
import { kafkaClasses } from "../../../../testbed/kafka.js";
import type { Compression } from "../src/index.js";
import { platformatic } from "../src/platformatic/index.js";

/** By the number that a batch carries. */
export const COMPRESSIONS: readonly Compression[] = ["none", "gzip", "snappy", "lz4", "zstd"];
const KIND_BITS = 0b111;

/** Kafka's own producer writes `count` values into each topic, compressed by its codec. Value `n` is `javaValue(n)`. */
export async function produceByJava(
  brokers: readonly string[],
  count: number,
  topics: ReadonlyMap<Compression, string>,
): Promise<void> {
  const program = fileURLToPath(new URL("programs/compressed-producer.java", import.meta.url));
  const pairs = [...topics].flatMap(([codec, topic]) => [topic, codec]);
  await promisify(execFile)("java", [
    "-XX:TieredStopAtLevel=1",
    "-cp",
    await kafkaClasses(),
    program,
    brokers.join(","),
    String(count),
    ...pairs,
  ]);
}

export function javaValue(n: number): string {
  return `value ${n} ${"abcdefghij".repeat(20)}`;
}

/** By which codec the first batch of partition 0 is compressed in the broker. */
export async function compressionOf(brokers: readonly string[], topic: string): Promise<Compression | undefined> {
  // Which gives the client the codecs that it does not have.
  const driver = platformatic()({ brokers });
  await driver.connect();
  await driver.close();
  const consumer = new Consumer({ clientId: "test", groupId: "unused", bootstrapBrokers: [...brokers] });
  try {
    const { topics } = await consumer.metadata({ topics: [topic] });
    const found = topics.get(topic);
    const { responses } = await consumer.fetch({
      node: found?.partitions[0]?.leader as number,
      topics: [
        {
          topicId: found?.id as string,
          partitions: [
            { partition: 0, currentLeaderEpoch: -1, fetchOffset: 0n, lastFetchedEpoch: -1, partitionMaxBytes: 1 },
          ],
        },
      ],
      maxWaitTime: 1_000,
      minBytes: 1,
      maxBytes: 1_000_000,
    });
    const batch = responses[0]?.partitions[0]?.records?.[0];
    return batch === undefined ? undefined : COMPRESSIONS[batch.attributes & KIND_BITS];
  } finally {
    await consumer.close();
  }
}
