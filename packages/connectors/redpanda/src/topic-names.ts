import { requireArgument, WriteError } from "@millrace/core";
import type { KafkaAdmin, TopicPartition } from "./kafka-driver.js";

/** Topics by name, or all whose whole name matches a pattern. */
export type TopicChoice = string | RegExp | readonly (string | RegExp)[];

export function choicesOf(topic: TopicChoice): readonly (string | RegExp)[] {
  const choices = Array.isArray(topic) ? (topic as readonly (string | RegExp)[]) : [topic as string | RegExp];
  requireArgument(choices.length > 0, "redpandaSource: topic must name at least one topic");
  for (const choice of choices)
    requireArgument(
      choice instanceof RegExp || (typeof choice === "string" && choice !== ""),
      `redpandaSource: topic must be names or patterns; one is ${String(choice)}`,
    );
  return choices;
}

/** What partitions are called: by number where there is one topic by name, else `topic/number`. */
export class PartitionNames {
  readonly #only: string | undefined;

  constructor(choices: readonly (string | RegExp)[]) {
    const [first, ...others] = choices;
    this.#only = typeof first === "string" && others.length === 0 ? first : undefined;
  }

  /** The one topic; undefined where there may be several. */
  get only(): string | undefined {
    return this.#only;
  }

  nameOf({ topic, partition }: TopicPartition): string {
    return this.#only === undefined ? `${topic}/${partition}` : String(partition);
  }

  placeOf(name: string): TopicPartition {
    if (this.#only !== undefined) return { topic: this.#only, partition: Number(name) };
    const slash = name.lastIndexOf("/");
    return { topic: name.slice(0, slash), partition: Number(name.slice(slash + 1)) };
  }
}

/** The topics that are there now, and how many partitions each has. A name without a topic, or a pattern without one, is refused. */
export async function findTopics(
  admin: KafkaAdmin,
  choices: readonly (string | RegExp)[],
): Promise<Map<string, number>> {
  const there = choices.some((choice) => choice instanceof RegExp) ? await admin.topics() : [];
  const counts = new Map<string, number>();
  for (const choice of choices) {
    const names = typeof choice === "string" ? [choice] : there.filter((name) => matches(choice, name)).sort();
    if (names.length === 0)
      throw new WriteError(
        "fatal",
        "E_REDPANDA_TOPIC",
        `no topic matches ${String(choice)}: topics made later are seen by the next start`,
      );
    for (const name of names) {
      const partitions = await admin.partitions(name);
      if (partitions === undefined)
        throw new WriteError(
          "fatal",
          "E_REDPANDA_TOPIC",
          `there is no topic "${name}": make it first, see ensureTopic()`,
        );
      counts.set(name, partitions.length);
    }
  }
  return counts;
}

/** The whole name, and never the broker's own topics. */
function matches(pattern: RegExp, name: string): boolean {
  return !name.startsWith("__") && new RegExp(`^(?:${pattern.source})$`, pattern.flags.replace(/[gy]/g, "")).test(name);
}
