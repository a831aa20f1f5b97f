import { crc32 } from "node:zlib";
import type { StateEntry } from "@millrace/core";
import { ByteReader, ByteWriter } from "../file/bytes.js";

/** State entries as bytes, in pieces small enough that packing one holds nobody up. */
const PIECE_BYTES = 2 * 1024 * 1024;
const PIECE_ENTRIES = 8_192;

/** Packs changes piece by piece; a state's name is written only where it differs from the entry before. */
export function* packEntries(entries: readonly StateEntry[]): Generator<Uint8Array<ArrayBuffer>> {
  const writer = new ByteWriter(64 * 1_024);
  let state: string | undefined;
  let count = 0;
  for (const entry of entries) {
    packEntry(writer, state, entry);
    state = entry[0];
    if (++count >= PIECE_ENTRIES || writer.length >= PIECE_BYTES) {
      yield writer.take();
      state = undefined;
      count = 0;
    }
  }
  if (count > 0) yield writer.take();
}

function packEntry(writer: ByteWriter, before: string | undefined, [state, key, value]: StateEntry): void {
  writer.text(state === before ? undefined : state);
  writer.blob(key);
  writer.blob(value);
}

/** The entries of one piece. Their bytes are views of it. */
export function* unpackEntries(
  bytes: Uint8Array,
): Generator<readonly [state: string, key: Buffer, value: Buffer | undefined]> {
  const reader = new ByteReader(bytes);
  let state = "";
  while (!reader.done) {
    state = reader.text() ?? state;
    const key = reader.blob() as Buffer;
    yield [state, key, reader.blob()];
  }
}

/** A checksum that tells a changed or exchanged entry apart from the one that was written. */
export function entrySum(seed: number, key: Uint8Array, value: Uint8Array): number {
  return (crcOf(value, crcOf(key, seed)) + Math.imul(key.length, 0x9e3779b1)) >>> 0;
}

/** Node's crc32 answers 0 for an empty Buffer that has no memory, as SQLite hands them out, and the seed for any other empty one. */
function crcOf(bytes: Uint8Array, seed: number): number {
  return bytes.length === 0 ? seed : crc32(bytes, seed);
}

/** The seed of the entries of one state of one task. */
export function sumSeed(task: string, state: string): number {
  return crc32(`${task}\0${state}`);
}

/** The sum over all entries: one that is missing, old or too many shows. */
export class Digest {
  count: number;
  sum: number;

  constructor(count = 0, sum = 0) {
    this.count = count;
    this.sum = sum;
  }

  add(sum: number): void {
    this.count++;
    this.sum = (this.sum + sum) % MODULUS;
  }

  remove(sum: number): void {
    this.count--;
    this.sum = (this.sum - sum + MODULUS) % MODULUS;
  }
}

const MODULUS = 2 ** 48;
