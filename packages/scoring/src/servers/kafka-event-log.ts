import type { Message, OutMessage, SinkConnection, SinkWriter } from "@millrace/core";
import { type RedpandaConnection, redpandaSink } from "@millrace/redpanda";
import { runtimeContext } from "../ports/runtime-context.js";
import { KafkaLog } from "./kafka-log.js";
import { ensureTopics } from "./kafka-topics.js";
import type { ServerNames } from "./server-connections.js";

/** The topic citizen_events for those who write it and read all of it. Keys go to the partitions that Kafka's own clients choose. */
export class KafkaEventLog {
  readonly #log: KafkaLog;
  readonly #topic: string;
  readonly #connection: SinkConnection<OutMessage>;
  readonly #writer: SinkWriter<OutMessage>;

  private constructor(
    log: KafkaLog,
    topic: string,
    connection: SinkConnection<OutMessage>,
    writer: SinkWriter<OutMessage>,
  ) {
    this.#log = log;
    this.#topic = topic;
    this.#connection = connection;
    this.#writer = writer;
  }

  /** Makes the topics if they are not there. */
  static async open(kafka: RedpandaConnection, names: ServerNames, partitions: number): Promise<KafkaEventLog> {
    await ensureTopics(kafka, names, partitions, 1);
    const log = await KafkaLog.open(kafka);
    try {
      const sink = redpandaSink<OutMessage>({
        ...kafka,
        topic: names.events,
        encode: (message) => message,
        idempotent: true,
        idHeader: false,
      });
      const connection = await sink.connect(runtimeContext("scoring"));
      const writer = await connection.open({ topology: "producer", partitions: [], lease: 0 }, undefined);
      return new KafkaEventLog(log, names.events, connection, writer);
    } catch (error) {
      await log.close();
      throw error;
    }
  }

  length(): Promise<number> {
    return this.#log.length(this.#topic);
  }

  /** Acknowledged when it resolves. When it fails some messages may be there: a log of events may hold copies. */
  async append(messages: readonly OutMessage[]): Promise<void> {
    const nothing = messages.map(() => undefined);
    const outcomes = await this.#writer.write(messages, {
      signal: new AbortController().signal,
      attempt: 1,
      ids: nothing,
      keys: nothing,
      times: nothing,
      origins: nothing,
    });
    for (const outcome of outcomes ?? [])
      if (outcome !== "written") throw new Error(`${outcome.code}: ${outcome.message}`);
  }

  messages(): AsyncGenerator<Message> {
    return this.#log.messages(this.#topic);
  }

  async close(): Promise<void> {
    await this.#writer.close();
    await this.#connection.close();
    await this.#log.close();
  }
}
