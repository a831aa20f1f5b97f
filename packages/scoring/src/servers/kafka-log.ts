import type { Message } from "@millrace/core";
import { type KafkaDriver, kafkajs, type RedpandaConnection } from "@millrace/redpanda";

const WAIT_MS = 500;

/** Reads whole topics, and asks about them, without being a member of a group. */
export class KafkaLog {
  readonly #driver: KafkaDriver;

  private constructor(driver: KafkaDriver) {
    this.#driver = driver;
  }

  static async open(connection: RedpandaConnection): Promise<KafkaLog> {
    const driver = (connection.driver ?? kafkajs())(connection);
    await driver.connect();
    return new KafkaLog(driver);
  }

  /** How many messages a topic holds that none were deleted from and no transactions written to. */
  async length(topic: string): Promise<number> {
    return (await this.#driver.admin.offsets(topic)).reduce((sum, { low, high }) => sum + Number(high - low), 0);
  }

  /** How many messages a group has behind it. */
  async committed(group: string, topic: string): Promise<number> {
    const committed = await this.#driver.admin.committed(group, topic);
    return [...committed.values()].reduce((sum, offset) => sum + Number(offset), 0);
  }

  /** All messages that a topic holds now, partition after partition, in the order of their offsets. */
  async *messages(topic: string): AsyncGenerator<Message> {
    const log = await this.#driver.log();
    try {
      for (const { partition, low, stable } of await this.#driver.admin.offsets(topic)) {
        for (let at = low; at < stable; ) {
          const batch = await log.fetch({ topic, partition }, at, WAIT_MS);
          if (batch === undefined) continue;
          for (const { key, value, headers, timestamp, offset } of batch.messages) {
            if (offset >= at && offset < stable)
              yield { key, value, headers, timestamp, offset, partition: String(partition) };
          }
          at = batch.nextOffset > at ? batch.nextOffset : at;
        }
      }
    } finally {
      await log.close();
    }
  }

  close(): Promise<void> {
    return this.#driver.close();
  }
}
