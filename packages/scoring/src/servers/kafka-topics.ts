import type { Message, OutMessage, Sink } from "@millrace/core";
import { ensureTopic, type RedpandaConnection, redpandaSink } from "@millrace/redpanda";
import type { DeadLetterRow } from "../ports/stores.js";
import type { ServerNames } from "./server-connections.js";

/** Events may be years old by their timestamps, and ahead of the clock in a simulation: neither is to make the broker delete or refuse them. */
const KEPT = { "retention.ms": "-1", "message.timestamp.after.max.ms": "9223372036854775807" };

/** Makes the topics `citizen_events` and its dead letters. */
export async function ensureTopics(
  connection: RedpandaConnection,
  names: ServerNames,
  partitions: number,
  replicas: number,
): Promise<void> {
  await ensureTopic(connection, names.events, { partitions, replicas, config: KEPT });
  await ensureTopic(connection, names.deadLetters, { partitions: 1, replicas, config: KEPT });
}

/**
 * The dead-letter topic: the message as it came, and in headers why and from where. With `redpandaCheckpoints` on the same brokers each
 * is there once; without, a replay appends it again, and the place in the headers tells.
 */
export function deadLetterSink(connection: RedpandaConnection, names: ServerNames): Sink<DeadLetterRow> {
  return redpandaSink<DeadLetterRow>({
    ...connection,
    topic: names.deadLetters,
    name: "deadLetters",
    encode: ({ partition, offset, code, message, key, bytes }): OutMessage => ({
      ...(key === null ? {} : { key }),
      value: bytes ?? new Uint8Array(),
      headers: {
        partition: String(partition),
        offset: String(offset),
        ...(code === null ? {} : { code }),
        ...(message === null ? {} : { message }),
      },
    }),
  });
}

export function deadLetterRowOf({ key, value, headers }: Message): DeadLetterRow {
  return {
    partition: textOf(headers.partition),
    offset: Number(textOf(headers.offset)),
    code: textOf(headers.code),
    message: textOf(headers.message),
    key: textOf(key),
    bytes: Buffer.from(value ?? []),
  };
}

function textOf(bytes: Uint8Array | undefined): string | null {
  return bytes === undefined ? null : Buffer.from(bytes).toString("utf8");
}
