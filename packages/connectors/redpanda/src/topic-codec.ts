import { isCompression } from "./codecs.js";
import type { KafkaDriver } from "./kafka-driver.js";

/** Refuses a topic whose messages the broker compresses by a codec that is not there. Of others only a batch tells how it is compressed. */
export async function requireTopicCodec(driver: KafkaDriver, topic: string): Promise<void> {
  // Who may read a topic need not be allowed to read its settings.
  const config = await driver.admin.config(topic).catch(() => undefined);
  const kind = config?.get("compression.type");
  if (isCompression(kind)) await driver.requireCodec(kind);
}
