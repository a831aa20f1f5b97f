import type { OutMessage } from "@millrace/core";
import { ByteReader, ByteWriter, isWellFormed } from "../file/bytes.js";
import { FileFailure } from "../file/failure.js";

/** A message on its way to the log. */
export interface LogMessage {
  readonly key: Buffer | undefined;
  readonly value: Buffer | undefined;
  readonly headers: Buffer | undefined;
  readonly timestamp: number;
  /** The timestamp belongs to the message, so a message with another one is another message. */
  readonly timed: boolean;
  /** −1: by the key's hash. */
  readonly partition: number;
  /** Equal after a replay; undefined where the value has none. */
  readonly id: Buffer | undefined;
}

/** What the writer knows of a message beside its content. */
export interface MessageFacts {
  readonly id: string | undefined;
  /** The value's event time. */
  readonly time: number | undefined;
  readonly now: number;
  readonly partitions: number;
}

const NO_HEADERS: Readonly<Record<string, Uint8Array>> = Object.freeze(Object.create(null));

/** Writes one message; throws a poison `E_SQLITE_MESSAGE` and writes nothing where it can not be one. */
export function packMessage(message: OutMessage, facts: MessageFacts, writer: ByteWriter): void {
  const start = writer.length;
  try {
    if (message === null || typeof message !== "object")
      throw refused(
        `encode() must return { value, key?, headers?, timestamp?, partition? }; it returned ${message === null ? "null" : typeof message}`,
      );
    const explicit = message.timestamp ?? facts.time;
    if (explicit !== undefined && !Number.isFinite(explicit))
      throw refused(`timestamp must be a finite number of milliseconds; it is ${String(explicit)}`);
    writer.i32(partitionNumber(message.partition, facts.partitions));
    writer.u8(explicit === undefined ? 0 : 1);
    writer.f64(explicit ?? facts.now);
    writer.text(facts.id);
    packBytes(message.key, "key", writer);
    if (!("value" in message)) throw refused("value is missing; undefined stands for none");
    packBytes(message.value, "value", writer);
    writer.blob(packHeaders(message.headers));
  } catch (error) {
    writer.rewind(start);
    throw error;
  }
}

/** The messages of a packed batch, in order; their bytes are views of it. */
export function* unpackMessages(bytes: Uint8Array): Generator<LogMessage> {
  const reader = new ByteReader(bytes);
  while (!reader.done) {
    const partition = reader.i32();
    const timed = reader.u8() === 1;
    const timestamp = reader.f64();
    const id = reader.blob();
    const key = reader.blob();
    const value = reader.blob();
    const headers = reader.blob();
    yield { partition, timed, timestamp, id, key, value, headers };
  }
}

/** The headers of a stored message. The object has no prototype: a header may be called `__proto__` or `constructor`. */
export function unpackHeaders(bytes: Uint8Array | null): Readonly<Record<string, Uint8Array>> {
  if (bytes === null) return NO_HEADERS;
  const headers: Record<string, Uint8Array> = Object.create(null);
  const reader = new ByteReader(bytes);
  while (!reader.done) {
    const name = reader.text() ?? "";
    headers[name] = reader.blob() ?? new Uint8Array(0);
  }
  return headers;
}

function packHeaders(headers: OutMessage["headers"]): Uint8Array | undefined {
  if (headers === undefined) return undefined;
  const names = Object.keys(headers);
  if (names.length === 0) return undefined;
  const writer = new ByteWriter(256);
  for (const name of names) {
    if (!isWellFormed(name)) throw refused("a header's name holds half a surrogate pair, which UTF-8 can not keep");
    const value = headers[name];
    if (value === undefined) throw refused(`header ${JSON.stringify(name)} has no value`);
    writer.text(name);
    packBytes(value, `header ${JSON.stringify(name)}`, writer);
  }
  return writer.take();
}

function packBytes(bytes: Uint8Array | string | undefined, what: string, writer: ByteWriter): void {
  if (bytes === undefined) writer.blob(undefined);
  else if (typeof bytes === "string") {
    if (!isWellFormed(bytes))
      throw refused(`${what} holds half a surrogate pair, which UTF-8 can not keep: pass bytes`);
    writer.text(bytes);
  } else if (bytes instanceof Uint8Array) writer.blob(bytes);
  else throw refused(`${what} must be a string or a Uint8Array; it is ${bytes === null ? "null" : typeof bytes}`);
}

function partitionNumber(partition: string | undefined, partitions: number): number {
  if (partition === undefined) return -1;
  const number = Number(partition);
  if (String(number) !== partition || !Number.isInteger(number) || number < 0 || number >= partitions)
    throw refused(`partition must be one of "0" to "${partitions - 1}"; it is ${JSON.stringify(partition)}`);
  return number;
}

function refused(why: string): FileFailure {
  return new FileFailure("E_SQLITE_MESSAGE", "poison", why);
}
