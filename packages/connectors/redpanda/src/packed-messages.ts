import { copyBytes } from "./byte-copies.js";
import type { KafkaMessage, PackedMessages } from "./kafka-driver.js";
import { type MessageHeaders, NO_HEADERS, putHeader } from "./message-headers.js";
import { type RecordBatch, RecordCursor } from "./record-batches.js";

const decoder = new TextDecoder();

/** Messages as bytes of record batches, in order. What is taken are copies, so that a value which is kept keeps nothing else. */
export class PackedRecords implements PackedMessages {
  /** Those behind the present one, the last one first. */
  readonly #behind: RecordBatch[];
  #bytesBehind = 0;
  #batch: RecordBatch | undefined;
  #cursor = new RecordCursor(new Uint8Array());
  /** Records of the batch that have not been taken, the one the cursor is in included. */
  #left = 0;

  /** `batches` are not compressed, and hold no marks; messages before `from` are passed over. */
  constructor(batches: readonly RecordBatch[], from: bigint) {
    this.#behind = [...batches].reverse();
    for (const { records } of batches) this.#bytesBehind += records.length;
    this.#enter();
    while (this.#batch !== undefined && this.#batch.firstOffset + BigInt(this.#cursor.offsetDelta) < from) this.#pass();
  }

  get bytes(): number {
    return this.#bytesBehind + this.#cursor.bytes.length - this.#cursor.at;
  }

  get empty(): boolean {
    return this.#batch === undefined;
  }

  take(taken: KafkaMessage[], most: number, stop: bigint | undefined): void {
    while (this.#batch !== undefined && taken.length < most) {
      const { firstOffset, lastOffset } = this.#batch;
      const before = stop === undefined || stop > lastOffset ? Number.POSITIVE_INFINITY : Number(stop - firstOffset);
      if (this.#cursor.offsetDelta >= before) break;
      taken.push(this.#message(this.#batch));
      this.#pass();
    }
  }

  /** The record that the cursor has begun. */
  #message({ firstOffset, firstTime, appendTime }: RecordBatch): KafkaMessage {
    const cursor = this.#cursor;
    return {
      key: this.#copy(),
      value: this.#copy(),
      headers: this.#headers(),
      timestamp: appendTime ?? firstTime + cursor.timeDelta,
      offset: firstOffset + BigInt(cursor.offsetDelta),
    };
  }

  #copy(): Uint8Array | undefined {
    const cursor = this.#cursor;
    const length = cursor.varint();
    if (length < 0) return undefined;
    const { at } = cursor;
    cursor.at = at + length;
    return copyBytes(cursor.bytes.subarray(at, at + length));
  }

  /** A header may stand several times: the last one counts, as in most clients' maps. */
  #headers(): MessageHeaders {
    const cursor = this.#cursor;
    const count = cursor.varint();
    if (count <= 0) return NO_HEADERS;
    const headers: Record<string, Uint8Array> = {};
    for (let i = 0; i < count; i++) {
      const length = cursor.varint();
      const name = decoder.decode(cursor.bytes.subarray(cursor.at, cursor.at + length));
      cursor.at += length;
      const value = this.#copy();
      if (value !== undefined) putHeader(headers, name, value);
    }
    return headers;
  }

  /** Goes to the next record. */
  #pass(): void {
    const cursor = this.#cursor;
    cursor.leave();
    if (--this.#left > 0) cursor.begin();
    else this.#enter();
  }

  /** Goes to the first record of the next batch. */
  #enter(): void {
    this.#batch = this.#behind.pop();
    this.#cursor = new RecordCursor(this.#batch?.records ?? new Uint8Array());
    if (this.#batch === undefined) return;
    this.#bytesBehind -= this.#batch.records.length;
    this.#left = this.#batch.count;
    this.#cursor.begin();
  }
}
