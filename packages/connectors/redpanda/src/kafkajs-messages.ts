import { copyBytes } from "./byte-copies.js";
import type { ConsumedBatch, KafkaBatch, KafkaMessage, OutgoingMessage } from "./kafka-driver.js";
import { PackedAnswer } from "./kafkajs-fetch-answers.js";
import type { RawBatch, RawMessage } from "./kafkajs-internals.js";
import { type MessageHeaders, NO_HEADERS, putHeader } from "./message-headers.js";
import { PackedRecords } from "./packed-messages.js";
import type { RecordBatch } from "./record-batches.js";

/** An answer of kafkajs as ours, its bytes copied. */
export function batchOf(raw: RawBatch, quiet: boolean): KafkaBatch {
  const head = headOf(raw, quiet);
  const packed = packedIn(raw);
  if (packed === undefined) return { ...head, messages: madeMessages(raw) };
  const messages: KafkaMessage[] = [];
  new PackedRecords(packed.batches, head.fetchedFrom).take(messages, Number.POSITIVE_INFINITY, undefined);
  return { ...head, messages };
}

/** The same, its messages made when they are taken. */
export function packedBatchOf(raw: RawBatch, quiet: boolean): ConsumedBatch {
  const head = headOf(raw, quiet);
  const packed = packedIn(raw);
  const messages =
    packed === undefined ? madeMessages(raw) : new PackedRecords(apart(packed.batches), head.fetchedFrom);
  return { ...head, messages };
}

function headOf(raw: RawBatch, quiet: boolean): Omit<KafkaBatch, "messages"> {
  const { topic, partition, fetchedOffset, highWatermark, rawMessages } = raw;
  const fetchedFrom = BigInt(fetchedOffset);
  return {
    topic,
    partition,
    fetchedFrom,
    // Without a message of any kind kafkajs names the end of the topic, and stays where it is.
    nextOffset: rawMessages.length === 0 ? fetchedFrom : BigInt(raw.lastOffset()) + 1n,
    highWatermark: BigInt(highWatermark),
    quiet,
  };
}

function packedIn({ rawMessages: [first] }: RawBatch): PackedAnswer | undefined {
  return first instanceof PackedAnswer ? first : undefined;
}

function madeMessages({ messages }: RawBatch): KafkaMessage[] {
  return (messages as readonly RawMessage[]).map(messageOf);
}

/** The same batches in memory of their own: what waits of one partition would keep the answer for all of them, up to 10 MB. */
function apart(batches: readonly RecordBatch[]): readonly RecordBatch[] {
  // What was compressed is in memory of its own already.
  const inAnswer = batches.filter(({ codec }) => codec === 0);
  let used = 0;
  const own = Buffer.allocUnsafeSlow(inAnswer.reduce((bytes, { records }) => bytes + records.length, 0));
  return batches.map((batch) => {
    if (batch.codec !== 0) return batch;
    const from = used;
    used += batch.records.copy(own, from);
    return { ...batch, records: own.subarray(from, used) };
  });
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

function headersOf(headers: RawMessage["headers"]): MessageHeaders {
  let out: Record<string, Uint8Array> | undefined;
  for (const name in headers) {
    const value = headers[name];
    // A header may stand several times: the last one counts, as in most clients' maps.
    const last = Array.isArray(value)
      ? (value as readonly (Buffer | string)[])[value.length - 1]
      : (value as Buffer | string | undefined);
    if (last === undefined || last === null) continue;
    out ??= {};
    putHeader(out, name, typeof last === "string" ? new TextEncoder().encode(last) : copyBytes(last));
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
  for (const name in headers) putHeader(own, name, view(headers[name] as Uint8Array));
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
