import { copyBytes } from "./byte-copies.js";
import type { KafkaBatch, KafkaMessage, OutgoingMessage } from "./kafka-driver.js";
import type { RawBatch, RawMessage } from "./kafkajs-internals.js";

/** An answer of kafkajs as ours, its bytes copied. */
export function batchOf(raw: RawBatch, quiet: boolean): KafkaBatch {
  const { topic, partition, messages, fetchedOffset, highWatermark, rawMessages } = raw;
  const fetchedFrom = BigInt(fetchedOffset);
  return {
    topic,
    partition,
    fetchedFrom,
    // Without a message of any kind kafkajs names the end of the topic, and stays where it is.
    nextOffset: rawMessages.length === 0 ? fetchedFrom : BigInt(raw.lastOffset()) + 1n,
    highWatermark: BigInt(highWatermark),
    quiet,
    messages: messages.map(messageOf),
  };
}

function messageOf({ key, value, headers, timestamp, offset }: RawMessage): KafkaMessage {
  return {
    key: copy(key),
    value: copy(value),
    headers: headersOf(headers),
    timestamp: Number(timestamp),
    offset: BigInt(offset),
  };
}

/** kafkajs gives slices of the whole answer, so one small value kept alive would keep up to 10 MB. */
function copy(bytes: Buffer | null | undefined): Uint8Array | undefined {
  return bytes === null || bytes === undefined ? undefined : copyBytes(bytes);
}

const NO_HEADERS: Readonly<Record<string, Uint8Array>> = Object.freeze({});

function headersOf(headers: RawMessage["headers"]): Readonly<Record<string, Uint8Array>> {
  let out: Record<string, Uint8Array> | undefined;
  for (const name in headers) {
    const value = headers[name];
    // A header may stand several times: the last one counts, as in most clients' maps.
    const last = Array.isArray(value)
      ? (value as readonly (Buffer | string)[])[value.length - 1]
      : (value as Buffer | string | undefined);
    if (last === undefined || last === null) continue;
    out ??= {};
    out[name] = typeof last === "string" ? new TextEncoder().encode(last) : copyBytes(last);
  }
  return out ?? NO_HEADERS;
}

/** A message as kafkajs sends it. */
export function outgoing(
  { key, value, headers, timestamp }: OutgoingMessage,
  partition: number,
): {
  partition: number;
  key: Buffer | null;
  value: Buffer | null;
  headers: Record<string, Buffer>;
  timestamp?: string;
} {
  const own: Record<string, Buffer> = {};
  for (const name in headers) own[name] = view(headers[name] as Uint8Array);
  return {
    partition,
    key: key === null ? null : view(key),
    value: value === null ? null : view(value),
    headers: own,
    ...(timestamp === undefined ? {} : { timestamp: String(timestamp) }),
  };
}

/** The same bytes: kafkajs only reads them. */
function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
