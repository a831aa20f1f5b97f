import { isUtf8 } from "node:buffer";
import { hash } from "node:crypto";
import type { CitizenEvent } from "./event.js";
import { EVENT_LIMITS } from "./event.js";
import type { EventProblem } from "./event-error.js";
import { eventProblem } from "./event-error.js";
import { problemOf } from "./validate-event.js";

/** A message of the topic as it came, before anything is known about it. */
export interface Received {
  readonly bytes: Uint8Array;
  /** The message's key as text. */
  readonly key: string | undefined;
  /** When it was published, ms since the epoch. */
  readonly publishedAt: number;
  readonly partition: string;
  /** Its place in the partition: grows. */
  readonly offset: number;
}

/** An event that keeps the contract, with where it came from and a digest that tells copies from contradictions. */
export interface ReceivedEvent {
  readonly event: CitizenEvent;
  /** The message as it came: what a dead letter keeps. */
  readonly bytes: Uint8Array;
  /** 128 bits of the SHA-256 of the message. */
  readonly digest: string;
  readonly publishedAt: number;
  readonly partition: string;
  readonly offset: number;
}

/** A message that was refused. */
export interface Refused {
  readonly problem: EventProblem;
  readonly bytes: Uint8Array;
  readonly key: string | undefined;
  readonly partition: string;
  readonly offset: number;
}

/** A message after {@link decodeEvent}: an event, or why it is none. */
export type Decoded = ReceivedEvent | Refused;

/**
 * Whether a message was refused.
 *
 * @example
 * ```ts
 * import { decodeEvent, isRefused, type Received } from "@millrace/scoring";
 * declare const received: Received;
 * const decoded = decodeEvent(received);
 * console.log(isRefused(decoded) ? decoded.problem.code : decoded.event.eventID);
 * ```
 */
export function isRefused(decoded: Decoded): decoded is Refused {
  return "problem" in decoded;
}

/**
 * Reads a message: an event, or the first problem found, in the order size, encoding, JSON, fields, time, key. Never throws.
 *
 * @example
 * ```ts
 * import { decodeEvent } from "@millrace/scoring";
 * const bytes = new TextEncoder().encode("{");
 * decodeEvent({ bytes, key: "c-1", publishedAt: Date.now(), partition: "0", offset: 0 }); // refused: E_EVENT_JSON
 * ```
 */
export function decodeEvent(received: Received): Decoded {
  const { bytes, key, partition, offset, publishedAt } = received;
  const parsed = parse(bytes);
  const problem = "problem" in parsed ? parsed.problem : problemIn(parsed.value, received);
  if (problem !== undefined) return { problem, bytes, key, partition, offset };
  const event = (parsed as { value: CitizenEvent }).value;
  return { event, bytes, digest: digestOf(bytes), publishedAt, partition, offset };
}

/** Tells one message from another: equal bytes, equal digest. */
export function digestOf(bytes: Uint8Array): string {
  return hash("sha256", bytes).slice(0, 32);
}

function parse(bytes: Uint8Array): { readonly value: unknown } | { readonly problem: EventProblem } {
  if (bytes.byteLength === 0) return { problem: eventProblem("E_EVENT_SIZE", "the message is empty") };
  if (bytes.byteLength > EVENT_LIMITS.messageBytes) {
    return {
      problem: eventProblem(
        "E_EVENT_SIZE",
        `the message has ${bytes.byteLength} bytes; at most ${EVENT_LIMITS.messageBytes} are read`,
      ),
    };
  }
  if (!isUtf8(bytes)) return { problem: eventProblem("E_EVENT_ENCODING", "the message is not UTF-8") };
  try {
    return { value: JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8")) };
  } catch {
    // The engine's own text names positions differently from version to version; the stored reason must not.
    return { problem: eventProblem("E_EVENT_JSON", "the message is not JSON") };
  }
}

function problemIn(value: unknown, { key, publishedAt }: Received): EventProblem | undefined {
  const problem = problemOf(value);
  if (problem !== undefined) return problem;
  const { citizenID, occurredAt } = value as CitizenEvent;
  if (key !== citizenID) {
    return eventProblem(
      "E_EVENT_KEY",
      `the message's key must be the citizenID; they are ${JSON.stringify(key)} and "${citizenID}"`,
    );
  }
  if (occurredAt - publishedAt > EVENT_LIMITS.maxAheadMs) {
    return eventProblem(
      "E_EVENT_FUTURE",
      `occurredAt is ${occurredAt - publishedAt} ms after publishing; check the clock of the sender`,
    );
  }
  return undefined;
}
