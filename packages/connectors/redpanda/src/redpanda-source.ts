import { requireArgument, type Source } from "@millrace/core";
import { RedpandaSourceConnection } from "./source-connection.js";
import type { RedpandaSourceOptions } from "./source-options.js";
import { choicesOf } from "./topic-names.js";

/**
 * Topics of Redpanda or Kafka. Resumes at its position, commits to the consumer group after each checkpoint, and pauses a partition whose values wait in a full
 * pipeline. Values of a partition come in order; event times are the messages' timestamps. With a topology that runs as one task, one process of the group gets
 * everything and the others stand by.
 *
 * Fails at connect with `E_REDPANDA_TOPIC` or `E_REDPANDA_AUTH`, and with `E_REDPANDA_RANGE` where messages before a position are gone.
 *
 * @example
 * ```ts
 * import { from } from "@millrace/core";
 * import { redpandaSource } from "@millrace/redpanda";
 * const source = redpandaSource({ brokers: ["127.0.0.1:9092"], topic: "orders", decode: ({ value }) => new TextDecoder().decode(value), stopAt: "latest" });
 * console.log(await from(source).collect());
 * ```
 */
export function redpandaSource<T>(options: RedpandaSourceOptions<T>): Source<T> {
  const { bufferBytes } = options;
  const choices = choicesOf(options.topic);
  requireArgument(typeof options.decode === "function", "redpandaSource: decode must be a function");
  requireArgument(
    bufferBytes === undefined || (Number.isSafeInteger(bufferBytes) && bufferBytes > 0),
    `redpandaSource: bufferBytes must be a whole number from 1; it is ${bufferBytes}`,
  );
  return {
    name: options.name ?? choices.map(String).join("+"),
    partitioned: true,
    connect: (context) => RedpandaSourceConnection.open(options, choices, context),
  };
}
