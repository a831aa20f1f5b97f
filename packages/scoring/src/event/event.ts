/** What a citizen event is about. The citizens and their events are simulated. */
export type EventType = "financial" | "social" | "online" | "relationship";

/**
 * Every {@link EventType}.
 *
 * @example
 * ```ts
 * import { EVENT_TYPES } from "@millrace/scoring";
 * const counts = new Map(EVENT_TYPES.map((type) => [type, 0]));
 * ```
 */
export const EVENT_TYPES: readonly EventType[] = ["financial", "social", "online", "relationship"];

/** A value inside a payload: what JSON can say, nested at most four deep. */
export type PayloadValue =
  | string
  | number
  | boolean
  | null
  | readonly PayloadValue[]
  | { readonly [name: string]: PayloadValue };

/** What an event says beyond where and when: names of the sender's choice, within {@link EVENT_LIMITS}. */
export type Payload = { readonly [name: string]: PayloadValue };

/** Where an event happened. */
export interface EventLocation {
  readonly region: string;
  readonly city?: string;
  readonly lat?: number;
  readonly lon?: number;
}

/** An event as it stands in the topic, in JSON. Times are milliseconds since the epoch. */
export interface CitizenEvent {
  /** A UUIDv7: the identity of the event. */
  readonly eventID: string;
  /** The citizen's pseudonym, never the nationalID. */
  readonly citizenID: string;
  readonly eventType: EventType;
  readonly eventSubtype: string;
  readonly sourceSystem: string;
  readonly occurredAt: number;
  readonly schemaVersion: 1;
  readonly location?: EventLocation;
  readonly payload: Payload;
}

/**
 * Limits of the contract: bytes of a message, names and depth of its payload, characters of a city, milliseconds ahead of the time of
 * publishing. A message over one of them is refused with the code that stands beside it in {@link EventErrorCode}.
 *
 * @example
 * ```ts
 * import { EVENT_LIMITS } from "@millrace/scoring";
 * const isTooLarge = (bytes: Uint8Array) => bytes.byteLength > EVENT_LIMITS.messageBytes;
 * ```
 */
export const EVENT_LIMITS: {
  readonly messageBytes: number;
  readonly payloadKeys: number;
  readonly payloadDepth: number;
  readonly cityLength: number;
  readonly maxAheadMs: number;
} = {
  messageBytes: 65_536,
  /** Names in the whole payload, nested ones included. */
  payloadKeys: 64,
  /** The payload itself is depth 1. */
  payloadDepth: 4,
  cityLength: 128,
  /** An event may be this much ahead of the time at which it was published: clocks differ. */
  maxAheadMs: 300_000,
};

const QUERYABLE_NAME = /^[a-z][a-zA-Z0-9_]{0,40}$/;

/**
 * Whether a payload name may become a field of its own (`p_<name>`); other names stay in the payload's JSON only.
 *
 * @example
 * ```ts
 * import { isQueryableName } from "@millrace/scoring";
 * isQueryableName("daysLate"); // true
 * isQueryableName("days late"); // false
 * ```
 */
export function isQueryableName(name: string): boolean {
  return QUERYABLE_NAME.test(name);
}
