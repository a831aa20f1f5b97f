/** Why a message is not an event the system can score: one code a cause, stable, stored with the dead letter. */
export type EventErrorCode =
  /** Empty, or over 64 KB. */
  | "E_EVENT_SIZE"
  /** Not UTF-8. */
  | "E_EVENT_ENCODING"
  /** Not JSON. */
  | "E_EVENT_JSON"
  /** JSON, but not an object. */
  | "E_EVENT_SHAPE"
  | "E_EVENT_FIELD_MISSING"
  | "E_EVENT_FIELD_TYPE"
  | "E_EVENT_FIELD_VALUE"
  /** A field the contract does not have. */
  | "E_EVENT_FIELD_UNKNOWN"
  /** A schemaVersion other than 1. */
  | "E_EVENT_VERSION"
  /** Payload with more than 64 names, deeper than 4, or with a number that is not finite. */
  | "E_EVENT_PAYLOAD"
  /** occurredAt is no whole number of milliseconds from 2000 to 2100. */
  | "E_EVENT_TIME"
  /** occurredAt is more than five minutes after the time of publishing. */
  | "E_EVENT_FUTURE"
  /** The message's key is not the event's citizenID. */
  | "E_EVENT_KEY"
  /** Another event with the same eventID and other content came first. */
  | "E_EVENT_CONFLICT"
  /** Nobody with this citizenID is known. */
  | "E_CITIZEN_UNKNOWN";

/** A refusal: the code and, in words, what is wrong and where. */
export interface EventProblem {
  readonly code: EventErrorCode;
  readonly message: string;
}

export function eventProblem(code: EventErrorCode, message: string): EventProblem {
  return { code, message };
}
