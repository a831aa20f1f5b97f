import { type Message, messageOf, type PoisonValue, type SourceBatch, type SourceReader } from "@millrace/core";
import type { KafkaMessage } from "./kafka-driver.js";
import type { PartitionQueue } from "./partition-queue.js";

/** What a reader needs to know of its partition. */
export interface ReaderPlan<T> {
  readonly queue: PartitionQueue;
  readonly partition: string;
  readonly topic: string;
  readonly decode: (message: Message) => T;
  closed(): void;
}

const NO_BYTES = new Uint8Array();

/** Reads what the consumer puts into the queue of a partition. */
export class QueueReader<T> implements SourceReader<T> {
  readonly #plan: ReaderPlan<T>;
  #toldCaughtUp = false;

  constructor(plan: ReaderPlan<T>) {
    this.#plan = plan;
  }

  async read(): Promise<SourceBatch<T> | undefined> {
    const { queue } = this.#plan;
    while (!queue.closed) {
      const { messages, bytes } = queue.take();
      if (messages.length > 0) {
        this.#toldCaughtUp = false;
        return this.#batch(messages, bytes);
      }
      if (queue.ended) return undefined;
      if (queue.caughtUp && !this.#toldCaughtUp) {
        this.#toldCaughtUp = true;
        return { values: [], position: String(queue.position), caughtUp: true };
      }
      await queue.changed();
    }
    return undefined;
  }

  async close(): Promise<void> {
    if (this.#plan.queue.closed) return;
    this.#plan.queue.close();
    this.#plan.closed();
  }

  #batch(messages: readonly KafkaMessage[], bytes: number): SourceBatch<T> {
    const { queue, partition, topic, decode } = this.#plan;
    const values: T[] = [];
    const offsets: bigint[] = [];
    const times: number[] = [];
    const poison: PoisonValue[] = [];
    for (const { key, value, headers, timestamp, offset } of messages) {
      try {
        values.push(decode({ key, value, headers, timestamp, offset, partition }));
        offsets.push(offset);
        times.push(timestamp);
      } catch (error) {
        poison.push({
          offset,
          raw: value ?? NO_BYTES,
          error: { code: "E_DECODE", message: `topic "${topic}": ${messageOf(error)}` },
        });
      }
    }
    return {
      values,
      offsets,
      times,
      bytes,
      position: String(queue.position),
      ...(poison.length === 0 ? {} : { poison }),
    };
  }
}
