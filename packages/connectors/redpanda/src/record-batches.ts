import { type AbortedTransaction, AbortedTransactions } from "./aborted-transactions.js";

/**
 * The record batches of Kafka's log format 2, as a broker answers a fetch with them.
 *
 * Source: https://kafka.apache.org/documentation/#recordbatch
 */

/** Where the fields of a batch are. */
const LAYOUT = {
  length: 8,
  magic: 16,
  attributes: 21,
  lastDelta: 23,
  firstTime: 27,
  lastTime: 35,
  producerId: 43,
  count: 57,
  records: 61,
} as const;
/** The length in a batch counts what comes behind itself. */
const LENGTH_COUNTS_FROM = 12;
const FORMAT = 2;
const TRANSACTIONAL_BIT = 0x10;
const CODEC_BITS = 0x07;
const APPEND_TIME_BIT = 0x08;
const CONTROL_BIT = 0x20;

/** A batch whose records are still bytes. */
export interface RecordBatch {
  readonly firstOffset: bigint;
  readonly lastOffset: bigint;
  readonly firstTime: number;
  /** Where the broker has set one time for all of the batch. */
  readonly appendTime: number | undefined;
  readonly producerId: bigint;
  readonly transactional: boolean;
  /** It holds a mark of a transaction instead of messages. */
  readonly control: boolean;
  /** How they were compressed, as a number of Kafka's; 0 is not at all. */
  readonly codec: number;
  readonly count: number;
  readonly records: Buffer;
}

/** The batches in a part of an answer, without one that is cut off at its end. Undefined: they are of an older format. */
export function recordBatches(bytes: Buffer): RecordBatch[] | undefined {
  const batches: RecordBatch[] = [];
  for (let at = 0; at + LAYOUT.magic < bytes.length; ) {
    if (bytes.readInt8(at + LAYOUT.magic) !== FORMAT) return undefined;
    const end = at + LENGTH_COUNTS_FROM + bytes.readInt32BE(at + LAYOUT.length);
    if (end > bytes.length || end < at + LAYOUT.records) break;
    batches.push(recordBatch(bytes.subarray(at, end)));
    at = end;
  }
  return batches;
}

function recordBatch(bytes: Buffer): RecordBatch {
  const firstOffset = bytes.readBigInt64BE(0);
  const attributes = bytes.readInt16BE(LAYOUT.attributes);
  return {
    firstOffset,
    lastOffset: firstOffset + BigInt(bytes.readInt32BE(LAYOUT.lastDelta)),
    firstTime: Number(bytes.readBigInt64BE(LAYOUT.firstTime)),
    appendTime: (attributes & APPEND_TIME_BIT) === 0 ? undefined : Number(bytes.readBigInt64BE(LAYOUT.lastTime)),
    producerId: bytes.readBigInt64BE(LAYOUT.producerId),
    transactional: (attributes & TRANSACTIONAL_BIT) !== 0,
    control: (attributes & CONTROL_BIT) !== 0,
    codec: attributes & CODEC_BITS,
    count: bytes.readInt32BE(LAYOUT.count),
    records: bytes.subarray(LAYOUT.records),
  };
}

/** The batches whose messages are to be seen: neither marks nor what belongs to a transaction that was given up. */
export function visibleBatches(
  batches: readonly RecordBatch[],
  aborted: readonly AbortedTransaction[],
): readonly RecordBatch[] {
  const transactions = new AbortedTransactions(aborted);
  return batches.filter((batch) => !transactions.hides(batch) && batch.count > 0);
}

/** Reads one record after the other. */
export class RecordCursor {
  readonly bytes: Uint8Array;
  at = 0;
  /** Where the record ends that `begin()` was called for. */
  end = 0;
  timeDelta = 0;
  offsetDelta = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Reads a record up to its key. Throws where it is longer than its batch. */
  begin(): void {
    const length = this.varint();
    this.end = this.at + length;
    if (length < 0 || this.end > this.bytes.length) throw damaged();
    // Its attributes, of which there are none yet.
    this.at++;
    this.timeDelta = this.varint();
    this.offsetDelta = this.varint();
  }

  /** Goes behind the record. Throws where what was read of it reached further. */
  leave(): void {
    if (this.at > this.end) throw damaged();
    this.at = this.end;
  }

  /** A number in steps of seven bits, the sign in the lowest of all. */
  varint(): number {
    const { bytes } = this;
    let byte = bytes[this.at++] as number;
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
    let number = byte & 0x7f;
    // Not by shifts: times may differ by more than 32 bits.
    for (let scale = 0x80; byte >= 0x80; scale *= 0x80) {
      byte = bytes[this.at++] as number;
      number += (byte & 0x7f) * scale;
    }
    return number % 2 === 0 ? number / 2 : -(number + 1) / 2;
  }
}

function damaged(): RangeError {
  return new RangeError("a record reaches beyond its batch, or a part of it beyond the record: the batch is damaged");
}
