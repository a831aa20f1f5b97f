import { type Logger, StreamError } from "@millrace/core";
import type { TopicOffsets, TopicPartition } from "./kafka-driver.js";

/** Where to read on, or `E_REDPANDA_RANGE`: clients would go on silently at the other end of the topic, and commit that. */
export function offsetInRange(
  { topic, partition }: TopicPartition,
  wanted: bigint,
  { low, high }: TopicOffsets,
  options: { readonly onOutOfRange?: "fail" | "earliest"; readonly logger: Logger },
): bigint {
  if (wanted >= low && wanted <= high) return wanted;
  if (wanted < low && options.onOutOfRange === "earliest") {
    options.logger.warn("messages are gone: reading on at the earliest", {
      topic,
      partition,
      wanted: String(wanted),
      earliest: String(low),
    });
    return low;
  }
  const why =
    wanted < low
      ? 'Retention has deleted messages that were not read; onOutOfRange: "earliest" goes on without them'
      : "The topic was made anew: begin with an empty checkpoint store and another group";
  throw new StreamError(
    "E_REDPANDA_RANGE",
    `position ${wanted} of topic "${topic}", partition ${partition}, is not there: it holds ${low} to ${high}. ${why}`,
  );
}
