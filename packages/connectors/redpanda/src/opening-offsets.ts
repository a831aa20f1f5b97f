import { WriteError } from "@millrace/core";
import type { KafkaAdmin, TopicOffsets, TopicPartition } from "./kafka-driver.js";

interface Answer<V> {
  readonly values: Promise<ReadonlyMap<number, V>>;
  /** The partitions that have had it. */
  readonly given: Set<number>;
}

/**
 * What brokers say of the partitions of one assignment, while they are opened one after the other: they are asked once a topic, not ten requests a partition. A
 * partition is given an answer once: where it is opened again, brokers are asked again.
 */
export class OpeningOffsets {
  readonly #admin: Pick<KafkaAdmin, "offsets" | "committed">;
  readonly #groupId: string;
  readonly #offsets = new Map<string, Answer<TopicOffsets>>();
  readonly #committed = new Map<string, Answer<bigint>>();

  constructor(admin: Pick<KafkaAdmin, "offsets" | "committed">, groupId: string) {
    this.#admin = admin;
    this.#groupId = groupId;
  }

  /** Throws `E_REDPANDA_TOPIC` where the topic has no such partition. */
  async of(place: TopicPartition): Promise<TopicOffsets> {
    const { topic, partition } = place;
    const found = await answerFor(this.#offsets, place, async () => {
      const offsets = await this.#admin.offsets(topic);
      return new Map(offsets.map((one) => [one.partition, one]));
    });
    if (found !== undefined) return found;
    throw new WriteError("fatal", "E_REDPANDA_TOPIC", `topic "${topic}" has no partition ${partition}`);
  }

  committed(place: TopicPartition): Promise<bigint | undefined> {
    return answerFor(this.#committed, place, () => this.#admin.committed(this.#groupId, place.topic));
  }
}

async function answerFor<V>(
  answers: Map<string, Answer<V>>,
  { topic, partition }: TopicPartition,
  ask: () => Promise<ReadonlyMap<number, V>>,
): Promise<V | undefined> {
  let answer = answers.get(topic);
  if (answer === undefined || answer.given.has(partition)) {
    answer = { values: ask(), given: new Set() };
    answers.set(topic, answer);
  }
  answer.given.add(partition);
  try {
    return (await answer.values).get(partition);
  } catch (error) {
    if (answers.get(topic) === answer) answers.delete(topic);
    throw error;
  }
}
