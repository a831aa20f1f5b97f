import type { EventType } from "./event.js";
import { EVENT_LIMITS, EVENT_TYPES } from "./event.js";
import type { EventProblem } from "./event-error.js";
import { eventProblem } from "./event-error.js";

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const CITIZEN_ID = /^[A-Za-z0-9_-]{1,64}$/;
const WORD = /^[a-z][a-z0-9_]{0,40}$/;
const SYSTEM = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
const PLACE = /^[^\u0000-\u001f\u007f\ud800-\udfff]+$/u;

const EARLIEST = Date.UTC(2000, 0, 1);
const LATEST = Date.UTC(2100, 0, 1);

const FIELDS: ReadonlySet<string> = new Set([
  "eventID",
  "citizenID",
  "eventType",
  "eventSubtype",
  "sourceSystem",
  "occurredAt",
  "schemaVersion",
  "location",
  "payload",
]);
const LOCATION_FIELDS: ReadonlySet<string> = new Set(["region", "city", "lat", "lon"]);
const TYPES: ReadonlySet<unknown> = new Set<EventType>(EVENT_TYPES);

/**
 * The first thing that is wrong with a parsed message, or undefined when it is a `CitizenEvent`. Never throws. Written by hand because
 * it runs for every event: a schema library costs five times as much.
 *
 * @example
 * ```ts
 * import { problemOf } from "@millrace/scoring";
 * problemOf({ schemaVersion: 2 })?.code; // "E_EVENT_VERSION"
 * ```
 */
export function problemOf(value: unknown): EventProblem | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return eventProblem("E_EVENT_SHAPE", `an event is a JSON object; this is ${kindOf(value)}`);
  }
  const event = value as Record<string, unknown>;
  return (
    versionProblem(event.schemaVersion) ??
    text("eventID", event.eventID, UUID_V7, "a UUIDv7 in lower case") ??
    text("citizenID", event.citizenID, CITIZEN_ID, "1 to 64 of A-Z a-z 0-9 _ -") ??
    typeProblem(event.eventType) ??
    text("eventSubtype", event.eventSubtype, WORD, "a word of a-z 0-9 _ that begins with a letter") ??
    text("sourceSystem", event.sourceSystem, SYSTEM, "1 to 64 of A-Z a-z 0-9 _ . -") ??
    timeProblem(event.occurredAt) ??
    locationProblem(event.location) ??
    payloadProblem(event.payload) ??
    unknownField(event, FIELDS, "")
  );
}

function versionProblem(version: unknown): EventProblem | undefined {
  if (version === 1) return undefined;
  if (version === undefined) return missing("schemaVersion");
  if (typeof version !== "number") return wrongType("schemaVersion", "a number", version);
  return eventProblem("E_EVENT_VERSION", `schemaVersion must be 1; it is ${version}`);
}

function typeProblem(type: unknown): EventProblem | undefined {
  if (TYPES.has(type)) return undefined;
  if (type === undefined) return missing("eventType");
  if (typeof type !== "string") return wrongType("eventType", "a string", type);
  return eventProblem(
    "E_EVENT_FIELD_VALUE",
    `eventType must be one of ${EVENT_TYPES.join(", ")}; it is ${quote(type)}`,
  );
}

function timeProblem(time: unknown): EventProblem | undefined {
  if (time === undefined) return missing("occurredAt");
  if (typeof time !== "number") return wrongType("occurredAt", "a number", time);
  if (Number.isInteger(time) && time >= EARLIEST && time < LATEST) return undefined;
  return eventProblem("E_EVENT_TIME", `occurredAt must be whole milliseconds from 2000 to 2100; it is ${time}`);
}

function locationProblem(location: unknown): EventProblem | undefined {
  if (location === undefined) return undefined;
  if (typeof location !== "object" || location === null || Array.isArray(location)) {
    return wrongType("location", "an object", location);
  }
  const place = location as Record<string, unknown>;
  return (
    placeName("location.region", place.region) ??
    (place.city === undefined ? undefined : placeName("location.city", place.city)) ??
    degrees("location.lat", place.lat, 90) ??
    degrees("location.lon", place.lon, 180) ??
    unknownField(place, LOCATION_FIELDS, "location.")
  );
}

function placeName(field: string, value: unknown): EventProblem | undefined {
  const problem = text(field, value, PLACE, "without control characters");
  if (problem !== undefined || (value as string).length <= EVENT_LIMITS.cityLength) return problem;
  return eventProblem("E_EVENT_FIELD_VALUE", `${field} must be at most ${EVENT_LIMITS.cityLength} characters long`);
}

function degrees(field: string, value: unknown, bound: number): EventProblem | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "number") return wrongType(field, "a number", value);
  if (value >= -bound && value <= bound) return undefined;
  return eventProblem("E_EVENT_FIELD_VALUE", `${field} must be from -${bound} to ${bound}; it is ${value}`);
}

function payloadProblem(payload: unknown): EventProblem | undefined {
  if (payload === undefined) return missing("payload");
  if (typeof payload !== "object" || payload === null || Array.isArray(payload)) {
    return wrongType("payload", "an object", payload);
  }
  const left = { keys: EVENT_LIMITS.payloadKeys };
  return inspect(payload, 1, left);
}

function inspect(value: object, depth: number, left: { keys: number }): EventProblem | undefined {
  if (depth > EVENT_LIMITS.payloadDepth) {
    return eventProblem("E_EVENT_PAYLOAD", `payload is nested deeper than ${EVENT_LIMITS.payloadDepth}`);
  }
  const isList = Array.isArray(value);
  for (const name of Object.keys(value)) {
    if (!isList && --left.keys < 0) {
      return eventProblem("E_EVENT_PAYLOAD", `payload has more than ${EVENT_LIMITS.payloadKeys} names`);
    }
    const inner = (value as Record<string, unknown>)[name];
    if (typeof inner === "number" && !Number.isFinite(inner)) {
      return eventProblem("E_EVENT_PAYLOAD", `payload: the number at ${quote(name)} is too large`);
    }
    if (typeof inner === "object" && inner !== null) {
      const problem = inspect(inner, depth + 1, left);
      if (problem !== undefined) return problem;
    }
  }
  return undefined;
}

function text(field: string, value: unknown, pattern: RegExp, want: string): EventProblem | undefined {
  if (typeof value !== "string") return value === undefined ? missing(field) : wrongType(field, "a string", value);
  if (pattern.test(value)) return undefined;
  return eventProblem("E_EVENT_FIELD_VALUE", `${field} must be ${want}; it is ${quote(value)}`);
}

function unknownField(object: object, known: ReadonlySet<string>, prefix: string): EventProblem | undefined {
  for (const name of Object.keys(object)) {
    if (!known.has(name))
      return eventProblem("E_EVENT_FIELD_UNKNOWN", `schema version 1 has no field ${quote(prefix + name)}`);
  }
  return undefined;
}

function missing(field: string): EventProblem {
  return eventProblem("E_EVENT_FIELD_MISSING", `${field} is missing`);
}

function wrongType(field: string, want: string, value: unknown): EventProblem {
  return eventProblem("E_EVENT_FIELD_TYPE", `${field} must be ${want}; it is ${kindOf(value)}`);
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function quote(text: string): string {
  return JSON.stringify(text.length <= 80 ? text : `${text.slice(0, 77)}...`);
}
