import type { EventType, Payload } from "../event/event.js";
import type { Prng } from "./prng.js";

/** An event about to be written as JSON. */
export interface EventDraft {
  readonly eventID: string;
  readonly citizenID: string;
  readonly eventType: EventType;
  readonly eventSubtype: string;
  readonly sourceSystem: string;
  readonly occurredAt: number;
  /** JSON already: a citizen's places are written often. */
  readonly location: string | undefined;
  readonly payload: Payload;
}

/** The event as JSON. By hand, but for the payload: all other fields are words that need no escaping. */
export function rendered(draft: EventDraft): string {
  const location = draft.location === undefined ? "" : `,"location":${draft.location}`;
  return (
    `{"eventID":"${draft.eventID}","citizenID":"${draft.citizenID}","eventType":"${draft.eventType}","eventSubtype":"${draft.eventSubtype}",` +
    `"sourceSystem":"${draft.sourceSystem}","occurredAt":${draft.occurredAt},"schemaVersion":1${location},"payload":${JSON.stringify(draft.payload)}}`
  );
}

/** A UUIDv7 of a time, with the random part from `prng`. */
export function uuidV7(prng: Prng, at: number): string {
  const time = at.toString(16).padStart(12, "0");
  const one = prng.uint32();
  const two = prng.uint32();
  const three = prng.uint32();
  const random = hex(one & 0xfff, 3);
  const variant = hex(0x8000 | ((one >>> 12) & 0x3fff), 4);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random}-${variant}-${hex(two, 8)}${hex(three & 0xffff, 4)}`;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}
