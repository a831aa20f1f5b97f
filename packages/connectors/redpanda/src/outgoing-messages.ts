import { messageOf, type OutMessage, originId, type WriteContext, type WriteOutcome } from "@millrace/core";
import type { OutgoingMessage } from "./kafka-driver.js";
import { NO_HEADERS, putHeader } from "./message-headers.js";
import { partitionOfKey } from "./partitioner.js";

/** What it takes to make messages of values. */
export interface EncodePlan<T> {
  readonly topic: string;
  readonly partitions: number;
  readonly encode: (value: T) => OutMessage;
  readonly partitioner: ((message: OutMessage, partitions: number) => number) | undefined;
  readonly idHeader: string | false;
  /** The broker takes no message, and no request to a partition, beyond this. */
  readonly maxBytes: number;
  /** With compression only the broker can tell what is too large. */
  readonly compressed: boolean;
}

/** Messages for one partition, in order, and the places of their values in the batch. */
export interface PartitionMessages {
  readonly partition: number;
  readonly messages: readonly OutgoingMessage[];
  readonly places: readonly number[];
}

/** A record batch without records, and the least that a record costs beside what it holds. */
const LEAST_BYTES = 61 + 7;
/** The most that the fields of a record cost. */
const RECORD_BYTES = 32;
const HEADER_BYTES = 10;

/** Makes the messages of a batch, by partition and in pieces the broker takes; what can not be a message is poison in `outcomes`. */
export class MessageMaker<T> {
  readonly #plan: EncodePlan<T>;
  #turn = 0;

  constructor(plan: EncodePlan<T>) {
    this.#plan = plan;
  }

  make(values: readonly T[], context: WriteContext, outcomes: WriteOutcome[]): readonly PartitionMessages[] {
    const done: PartitionMessages[] = [];
    const open = new Map<number, { messages: OutgoingMessage[]; places: number[]; bytes: number }>();
    for (let place = 0; place < values.length; place++) {
      try {
        const out = this.#plan.encode(values[place] as T);
        const partition = this.#partitionOf(out);
        const message = this.#message(out, context, place);
        const bytes = this.#sizeOf(message);
        let piece = open.get(partition);
        if (piece !== undefined && piece.bytes + bytes > this.#plan.maxBytes) {
          done.push({ partition, messages: piece.messages, places: piece.places });
          piece = undefined;
        }
        if (piece === undefined) {
          piece = { messages: [], places: [], bytes: LEAST_BYTES };
          open.set(partition, piece);
        }
        piece.messages.push(message);
        piece.places.push(place);
        piece.bytes += bytes;
      } catch (error) {
        const code = error instanceof TooLarge ? "E_REDPANDA_TOO_LARGE" : "E_REDPANDA_ENCODE";
        outcomes[place] = { class: "poison", code, message: `topic "${this.#plan.topic}": ${messageOf(error)}` };
      }
    }
    for (const [partition, { messages, places }] of open) done.push({ partition, messages, places });
    return done;
  }

  #partitionOf(message: OutMessage): number {
    const { partitions, partitioner } = this.#plan;
    const named = message.partition === undefined ? partitioner?.(message, partitions) : Number(message.partition);
    const partition =
      named ??
      (message.key === undefined ? this.#turn++ % partitions : partitionOfKey(bytesOf(message.key), partitions));
    if (!Number.isInteger(partition) || partition < 0 || partition >= partitions)
      throw new TypeError(`there is no partition ${message.partition ?? partition}: there are ${partitions}`);
    return partition;
  }

  #message({ key, value, headers, timestamp }: OutMessage, context: WriteContext, place: number): OutgoingMessage {
    const { idHeader } = this.#plan;
    const origin = idHeader === false ? undefined : context.origins[place];
    let all = NO_HEADERS;
    if (origin !== undefined || headers !== undefined) {
      const own: Record<string, Uint8Array> = {};
      if (idHeader !== false && origin !== undefined) putHeader(own, idHeader, Buffer.from(originId(origin)));
      for (const name in headers) putHeader(own, name, bytesOf(headers[name] as Uint8Array | string));
      all = own;
    }
    const time = timestamp ?? context.times[place];
    return {
      key: key === undefined ? null : bytesOf(key),
      value: value === undefined ? null : bytesOf(value),
      headers: all,
      // A message has whole milliseconds since 1970, or the time at which the broker or client takes it.
      timestamp: time !== undefined && time >= 0 && Number.isFinite(time) ? Math.floor(time) : undefined,
    };
  }

  #sizeOf({ key, value, headers }: OutgoingMessage): number {
    let bytes = (key?.length ?? 0) + (value?.length ?? 0);
    let fields = RECORD_BYTES;
    for (const name in headers) {
      bytes += name.length + (headers[name] as Uint8Array).length;
      fields += HEADER_BYTES;
    }
    if (bytes + LEAST_BYTES > this.#plan.maxBytes && !this.#plan.compressed)
      throw new TooLarge(
        `a message of ${bytes} bytes is larger than the topic takes (max.message.bytes: ${this.#plan.maxBytes})`,
      );
    return bytes + fields;
  }
}

class TooLarge extends Error {}

function bytesOf(data: Uint8Array | string): Uint8Array {
  if (typeof data === "string") return Buffer.from(data);
  if (data instanceof Uint8Array) return data;
  throw new TypeError(
    `keys, values and headers of a message are bytes or text; one is of type ${data === null ? "null" : typeof data}`,
  );
}
