import type { Topic } from "@millrace/core";
import type { Compression } from "./kafka-driver.js";
import { makeTopic } from "./make-topic.js";
import { driverOf, type RedpandaConnection } from "./redpanda-options.js";
import { redpandaSink } from "./redpanda-sink.js";
import { redpandaSource } from "./redpanda-source.js";

/** Options of {@link redpandaTopic}. */
export interface RedpandaTopicOptions extends RedpandaConnection {
  readonly topic: string;
  readonly groupId?: string;
  readonly compression?: Compression;
}

/**
 * A topic of Redpanda or Kafka, with the shape that `sqliteTopic` has too: swapping one for the other is one line.
 *
 * @example
 * ```ts
 * import { redpandaTopic } from "@millrace/redpanda";
 * const events = redpandaTopic({ brokers: ["127.0.0.1:9092"], topic: "events" });
 * const source = events.source({ decode: ({ value }) => new TextDecoder().decode(value) });
 * ```
 */
export function redpandaTopic(options: RedpandaTopicOptions): Topic {
  return {
    source: (wanted) => redpandaSource({ ...options, ...wanted }),
    sink: (wanted) => redpandaSink({ ...options, ...wanted }),
  };
}

/**
 * Makes a topic if it is not there. True: it was made. A topic that is there stays as it is, whatever the options say. `replicas` is 1 by default.
 *
 * @example
 * ```ts
 * import { ensureTopic } from "@millrace/redpanda";
 * await ensureTopic({ brokers: ["127.0.0.1:9092"] }, "events", { partitions: 12, replicas: 3, config: { "retention.ms": "604800000" } });
 * ```
 */
export async function ensureTopic(
  connection: RedpandaConnection,
  topic: string,
  options: {
    readonly partitions: number;
    readonly replicas?: number;
    readonly config?: Readonly<Record<string, string>>;
  },
): Promise<boolean> {
  const driver = driverOf(connection, "ensureTopic");
  await driver.connect();
  try {
    if ((await driver.admin.partitions(topic)) !== undefined) return false;
    return await makeTopic(driver.admin, topic, {
      partitions: options.partitions,
      replicas: options.replicas ?? 1,
      config: options.config ?? {},
    });
  } finally {
    await driver.close();
  }
}

/**
 * Deletes a topic with everything in it. Rejects with the driver's error where there is no such topic.
 *
 * @example
 * ```ts
 * import { deleteTopic } from "@millrace/redpanda";
 * await deleteTopic({ brokers: ["127.0.0.1:9092"] }, "events");
 * ```
 */
export async function deleteTopic(connection: RedpandaConnection, topic: string): Promise<void> {
  const driver = driverOf(connection, "deleteTopic");
  await driver.connect();
  try {
    await driver.admin.deleteTopic(topic);
  } finally {
    await driver.close();
  }
}
