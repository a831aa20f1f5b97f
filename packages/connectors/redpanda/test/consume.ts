import type { Message } from "@millrace/core";
import { kafkajs } from "../src/index.js";

/** All committed messages of a topic, partition after partition. */
export async function consume(brokers: readonly string[], topic: string): Promise<Message[]> {
  const driver = kafkajs()({ brokers });
  await driver.connect();
  const log = await driver.log();
  const found: Message[] = [];
  try {
    for (const { partition, low, stable } of await driver.admin.offsets(topic))
      for (let offset = low; offset < stable; ) {
        const batch = await log.fetch({ topic, partition }, offset, 1_000);
        if (batch === undefined || (batch.quiet && batch.nextOffset >= stable)) break;
        for (const message of batch.messages)
          if (message.offset >= offset && message.offset < stable)
            found.push({ ...message, partition: String(partition) });
        offset = batch.nextOffset;
      }
    return found;
  } finally {
    await log.close();
    await driver.close();
  }
}
