/** The length that stands for "none" before a text or blob. */
const NONE = 0xffff_ffff;

/**
 * Writes many small values into one buffer, so that they cross to another thread as one transfer: a clone of many small Buffers would
 * copy the whole memory pool behind each of them.
 */
export class ByteWriter {
  #buffer: Buffer;
  #length = 0;

  constructor(capacity = 1_024) {
    this.#buffer = Buffer.allocUnsafeSlow(capacity);
  }

  get length(): number {
    return this.#length;
  }

  u8(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
  }

  u32(value: number): void {
    this.#reserve(4);
    this.#length = this.#buffer.writeUInt32LE(value, this.#length);
  }

  i32(value: number): void {
    this.#reserve(4);
    this.#length = this.#buffer.writeInt32LE(value, this.#length);
  }

  f64(value: number): void {
    this.#reserve(8);
    this.#length = this.#buffer.writeDoubleLE(value, this.#length);
  }

  i64(value: bigint): void {
    this.#reserve(8);
    this.#length = this.#buffer.writeBigInt64LE(value, this.#length);
  }

  blob(bytes: Uint8Array | undefined): void {
    if (bytes === undefined) {
      this.u32(NONE);
      return;
    }
    this.#reserve(4 + bytes.length);
    this.#length = this.#buffer.writeUInt32LE(bytes.length, this.#length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** As UTF-8. */
  text(text: string | undefined): void {
    if (text === undefined) {
      this.u32(NONE);
      return;
    }
    // A UTF-16 unit takes at most three bytes.
    this.#reserve(4 + text.length * 3);
    const written = this.#buffer.write(text, this.#length + 4);
    this.#buffer.writeUInt32LE(written, this.#length);
    this.#length += 4 + written;
  }

  /** Forgets what was written after `length`. */
  rewind(length: number): void {
    this.#length = length;
  }

  /** What was written, in memory of its own that may be transferred. The writer begins anew. */
  take(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.#length);
    bytes.set(this.#buffer.subarray(0, this.#length));
    this.#length = 0;
    return bytes;
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }
}

/** Reads what a {@link ByteWriter} wrote. Blobs are views of the same memory. */
export class ByteReader {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get done(): boolean {
    return this.#at >= this.#buffer.length;
  }

  u8(): number {
    return this.#buffer[this.#at++] as number;
  }

  u32(): number {
    const value = this.#buffer.readUInt32LE(this.#at);
    this.#at += 4;
    return value;
  }

  i32(): number {
    const value = this.#buffer.readInt32LE(this.#at);
    this.#at += 4;
    return value;
  }

  f64(): number {
    const value = this.#buffer.readDoubleLE(this.#at);
    this.#at += 8;
    return value;
  }

  i64(): bigint {
    const value = this.#buffer.readBigInt64LE(this.#at);
    this.#at += 8;
    return value;
  }

  blob(): Buffer | undefined {
    const length = this.u32();
    if (length === NONE) return undefined;
    const blob = this.#buffer.subarray(this.#at, this.#at + length);
    this.#at += length;
    return blob;
  }

  text(): string | undefined {
    return this.blob()?.toString("utf8");
  }
}

/** UTF-8 has no bytes for half a surrogate pair: such a text would come back as another one. */
export function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed();
}
