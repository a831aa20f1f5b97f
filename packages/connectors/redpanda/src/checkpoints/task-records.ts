import type { OutgoingMessage } from "../kafka-driver.js";

/**
 * How a task's checkpoint lies in a compacted topic: one message a state entry, the head and the lease, each by a key that begins with the
 * task. What is larger than a message may be is cut into chunks; the first says how many there are.
 */
export type RecordKind = "lease" | "head" | "entry";

/** Which record a message's key names. */
export interface RecordKey {
  readonly kind: RecordKind;
  readonly task: string;
  /** Of the record, cut into pieces that fit into a message. */
  readonly chunk: number;
  /** Of an entry. */
  readonly state: string;
  readonly key: Uint8Array;
}

/** Fits, with its key, into the 1 MB that a topic takes if nobody has set another limit. */
export const CHUNK_BYTES: number = 512 * 1024;

const KINDS: readonly RecordKind[] = ["lease", "head", "entry"];
const NO_KEY = new Uint8Array();

/** kind u8, task length u16, task, chunk u32, state length u16, state, key */
function keyBytes({ kind, task, chunk, state, key }: RecordKey): Uint8Array {
  const name = Buffer.from(task);
  const stateName = Buffer.from(state);
  const bytes = Buffer.alloc(9 + name.length + stateName.length + key.length);
  bytes.writeUInt8(KINDS.indexOf(kind), 0);
  bytes.writeUInt16BE(name.length, 1);
  bytes.set(name, 3);
  let at = bytes.writeUInt32BE(chunk, 3 + name.length);
  at = bytes.writeUInt16BE(stateName.length, at);
  bytes.set(stateName, at);
  bytes.set(key, at + stateName.length);
  return bytes;
}

export function parseKey(bytes: Uint8Array): RecordKey {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kind = KINDS[view.readUInt8(0)];
  if (kind === undefined) throw new Error("a message of the topic is none of a checkpoint");
  let at = 3 + view.readUInt16BE(1);
  const task = view.toString("utf8", 3, at);
  const chunk = view.readUInt32BE(at);
  const stateEnd = at + 6 + view.readUInt16BE(at + 4);
  at += 6;
  return { kind, task, chunk, state: view.toString("utf8", at, stateEnd), key: bytes.slice(stateEnd) };
}

/**
 * The messages that put a record where it was in `before` chunks; without bytes they take it out.
 */
export function recordMessages(
  kind: RecordKind,
  task: string,
  state: string,
  key: Uint8Array | undefined,
  value: Uint8Array | undefined,
  before: number,
): OutgoingMessage[] {
  const chunks = value === undefined ? 0 : Math.max(1, Math.ceil(value.length / CHUNK_BYTES));
  const messages: OutgoingMessage[] = [];
  for (let chunk = 0; chunk < Math.max(chunks, before); chunk++) {
    const bytes = chunk < chunks ? chunkBytes(value as Uint8Array, chunk, chunks) : null;
    messages.push({
      key: keyBytes({ kind, task, chunk, state, key: key ?? NO_KEY }),
      value: bytes,
      headers: {},
      timestamp: undefined,
    });
  }
  return messages;
}

export function chunksOf(value: Uint8Array | undefined): number {
  return value === undefined ? 0 : Math.max(1, Math.ceil(value.length / CHUNK_BYTES));
}

function chunkBytes(value: Uint8Array, chunk: number, chunks: number): Uint8Array {
  const part = value.subarray(chunk * CHUNK_BYTES, (chunk + 1) * CHUNK_BYTES);
  if (chunk > 0) return part;
  const bytes = Buffer.alloc(4 + part.length);
  bytes.writeUInt32BE(chunks, 0);
  bytes.set(part, 4);
  return bytes;
}

/** A record put together again; undefined where it is not whole. */
export function joinChunks(chunks: ReadonlyMap<number, Uint8Array>): Uint8Array | undefined {
  const first = chunks.get(0);
  if (first === undefined) return undefined;
  const count = Buffer.from(first.buffer, first.byteOffset, 4).readUInt32BE(0);
  if (count === 1) return first.slice(4);
  const parts: Uint8Array[] = [first.subarray(4)];
  for (let chunk = 1; chunk < count; chunk++) {
    const part = chunks.get(chunk);
    if (part === undefined) return undefined;
    parts.push(part);
  }
  return new Uint8Array(Buffer.concat(parts));
}
