import { createRequire } from "node:module";
import type { OutgoingMessage } from "./kafka-driver.js";
import { FORMAT, LAYOUT, LENGTH_COUNTS_FROM, TRANSACTIONAL_BIT } from "./record-batches.js";

const require = createRequire(import.meta.url);
const crc32c = require("kafkajs/src/protocol/recordBatch/crc32C/crc32C") as (bytes: Uint8Array) => number;

/** What stands at the head of a batch that is written. */
export interface BatchHead {
  /** For messages that name no time, in milliseconds. */
  readonly now: number;
  /** -1 where the producer has none. */
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly firstSequence: number;
  readonly transactional: boolean;
  /** As a number of Kafka's; 0 is none. */
  readonly codec: number;
  /** Only called where there is a codec. */
  compress(records: Buffer): Promise<Buffer>;
}

/** Messages as one batch of records, in memory that is taken once: kafkajs takes 512 bytes for each message, and for each header, and copies all of it five times. */
export async function writeRecordBatch(messages: readonly OutgoingMessage[], head: BatchHead): Promise<Buffer> {
  const times = messages.map(({ timestamp }) => timestamp ?? head.now);
  const firstTime = times[0] ?? head.now;
  const sizes = messages.map((message, i) => recordSize(message, (times[i] as number) - firstTime, i));
  let size = LAYOUT.records;
  for (const each of sizes) size += varintSize(each) + each;
  const writer = new RecordWriter(Buffer.allocUnsafe(size), LAYOUT.records);
  for (let i = 0; i < messages.length; i++)
    writer.record(messages[i] as OutgoingMessage, sizes[i] as number, (times[i] as number) - firstTime, i);
  let { bytes } = writer;
  if (head.codec !== 0)
    bytes = Buffer.concat([bytes.subarray(0, LAYOUT.records), await head.compress(bytes.subarray(LAYOUT.records))]);
  writeHead(bytes, head, messages.length, times);
  return bytes;
}

function writeHead(bytes: Buffer, head: BatchHead, count: number, times: readonly number[]): void {
  let lastTime = times[0] ?? head.now;
  for (const time of times) if (time > lastTime) lastTime = time;
  bytes.writeBigInt64BE(0n, 0);
  bytes.writeInt32BE(bytes.length - LENGTH_COUNTS_FROM, LAYOUT.length);
  bytes.writeInt32BE(0, LAYOUT.leaderEpoch);
  bytes.writeInt8(FORMAT, LAYOUT.magic);
  bytes.writeInt16BE(head.codec | (head.transactional ? TRANSACTIONAL_BIT : 0), LAYOUT.attributes);
  bytes.writeInt32BE(count - 1, LAYOUT.lastDelta);
  bytes.writeBigInt64BE(BigInt(times[0] ?? head.now), LAYOUT.firstTime);
  bytes.writeBigInt64BE(BigInt(lastTime), LAYOUT.lastTime);
  bytes.writeBigInt64BE(head.producerId, LAYOUT.producerId);
  bytes.writeInt16BE(head.producerEpoch, LAYOUT.producerEpoch);
  bytes.writeInt32BE(head.firstSequence, LAYOUT.firstSequence);
  bytes.writeInt32BE(count, LAYOUT.count);
  // Over all that comes behind itself.
  bytes.writeUInt32BE(crc32c(bytes.subarray(LAYOUT.attributes)), LAYOUT.crc);
}

/** Of a record without the length before it. */
function recordSize({ key, value, headers }: OutgoingMessage, timeDelta: number, offsetDelta: number): number {
  let size = 1 + varintSize(timeDelta) + varintSize(offsetDelta) + bytesSize(key) + bytesSize(value);
  let count = 0;
  for (const name in headers) {
    const length = Buffer.byteLength(name);
    size += varintSize(length) + length + bytesSize(headers[name] as Uint8Array);
    count++;
  }
  return size + varintSize(count);
}

function bytesSize(bytes: Uint8Array | null): number {
  return bytes === null ? 1 : varintSize(bytes.length) + bytes.length;
}

function varintSize(number: number): number {
  let size = 1;
  for (let rest = zigzag(number); rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

/** The sign in the lowest bit. Not by shifts: times may differ by more than 32 bits. */
function zigzag(number: number): number {
  return number < 0 ? -2 * number - 1 : 2 * number;
}

class RecordWriter {
  readonly bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, from: number) {
    this.bytes = bytes;
    this.#at = from;
  }

  record({ key, value, headers }: OutgoingMessage, size: number, timeDelta: number, offsetDelta: number): void {
    this.#varint(size);
    this.bytes[this.#at++] = 0;
    this.#varint(timeDelta);
    this.#varint(offsetDelta);
    this.#bytes(key);
    this.#bytes(value);
    let count = 0;
    for (const _ in headers) count++;
    this.#varint(count);
    for (const name in headers) {
      this.#bytes(Buffer.from(name));
      this.#bytes(headers[name] as Uint8Array);
    }
  }

  #bytes(bytes: Uint8Array | null): void {
    this.#varint(bytes === null ? -1 : bytes.length);
    if (bytes === null) return;
    this.bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #varint(number: number): void {
    let rest = zigzag(number);
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.bytes[this.#at++] = (rest % 0x80) | 0x80;
    this.bytes[this.#at++] = rest;
  }
}
