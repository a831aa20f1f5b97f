import { setTimeout as elapsed } from "node:timers/promises";
import { messageOf, StreamError } from "@millrace/core";
import type { KafkaAdmin } from "./kafka-driver.js";

const PATIENCE_MS = 30_000;
const RETRY_MS = 50;

/**
 * Makes a topic, and waits until the brokers that answer know of it and all its partitions are led: with Kafka's own consensus (KRaft) that is some time after it is
 * made, and kafkajs gives up meanwhile. False: it was there.
 */
export async function makeTopic(
  admin: KafkaAdmin,
  topic: string,
  options: Parameters<KafkaAdmin["createTopic"]>[1],
): Promise<boolean> {
  const isMade = await admin.createTopic(topic, options);
  const until = performance.now() + PATIENCE_MS;
  for (;;) {
    let what = "the brokers do not know of it";
    try {
      if ((await admin.offsets(topic)).length > 0) return isMade;
    } catch (error) {
      what = messageOf(error);
    }
    if (performance.now() > until)
      throw new StreamError("E_REDPANDA_TOPIC", `topic "${topic}" is made, but can not be used after 30 s: ${what}`);
    await elapsed(RETRY_MS);
  }
}
