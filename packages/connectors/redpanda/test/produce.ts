import { kafkajs } from "../src/index.js";
import { partitionOfKey } from "../src/partitioner.js";

const encoder = new TextEncoder();
const REQUEST_BYTES = 900_000;

/** Puts texts into a topic by the bare driver, each with itself as key. */
export async function produce(brokers: readonly string[], topic: string, values: readonly string[]): Promise<void> {
  const driver = kafkajs()({ brokers });
  await driver.connect();
  try {
    const partitions = (await driver.admin.partitions(topic))?.length ?? 1;
    const producer = await driver.producer({ idempotent: false, compression: "none", timeoutMs: 30_000 });
    const groups = new Map<number, Uint8Array[]>();
    for (const value of values) {
      const bytes = encoder.encode(value);
      const partition = partitionOfKey(bytes, partitions);
      const own = groups.get(partition);
      if (own === undefined) groups.set(partition, [bytes]);
      else own.push(bytes);
    }
    for (const [partition, texts] of groups) {
      const size = Math.max(1, Math.floor(REQUEST_BYTES / ((texts[0]?.length ?? 0) * 2 + 64)));
      for (let from = 0; from < texts.length; from += size)
        await producer.send(
          { topic, partition },
          texts
            .slice(from, from + size)
            .map((bytes) => ({ key: bytes, value: bytes, headers: {}, timestamp: undefined })),
        );
    }
    await producer.close();
  } finally {
    await driver.close();
  }
}
