import { WriteError } from "@millrace/core";

/** A value of a field: a number is a float, a bigint an integer. */
export type FieldValue = number | bigint | boolean | string;

/** One point: what a value becomes. */
export interface Point {
  readonly measurement: string;
  /** Indexed. Undefined and empty ones are left out, since InfluxDB has none. */
  readonly tags?: Readonly<Record<string, string | undefined>>;
  /** At least one. Undefined ones are left out. The first write of a field in a shard decides its type. */
  readonly fields: Readonly<Record<string, FieldValue | undefined>>;
  /** Milliseconds, or nanoseconds as bigint. */
  readonly time: number | bigint;
}

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const NS_PER_MS = 1_000_000n;

/**
 * A point as one line of InfluxDB's line protocol, time in nanoseconds. `id` spreads points of the same series and millisecond over the
 * nanoseconds within it, the same ones after a replay, so that they do not overwrite each other. What the protocol can not carry is
 * made fit: line breaks and tabs in names and tags become a space, a backslash at their end an underscore (it would escape what follows). Throws a poison
 * {@link WriteError} for a point without a field, NaN, infinite numbers and integers over 64 bits.
 *
 * Source: InfluxDB v2 line protocol reference.
 */
export function encodePoint(point: Point, id: string | undefined): string {
  if (point.measurement === "") throw refused("the measurement is empty");
  const tags = Object.entries(point.tags ?? {})
    .filter(([name, value]) => name !== "" && value !== undefined && value !== "")
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, value]) => `,${escapeName(name)}=${escapeName(value as string)}`)
    .join("");
  const fields = Object.entries(point.fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${escapeName(name)}=${encodeField(name, value as FieldValue)}`)
    .join(",");
  if (fields === "") throw refused(`point of "${point.measurement}" has no field`);
  return `${escapeMeasurement(point.measurement)}${tags} ${fields} ${nanoseconds(point.time, id)}`;
}

function encodeField(name: string, value: FieldValue): string {
  switch (typeof value) {
    case "number":
      if (!Number.isFinite(value)) throw refused(`field "${name}" is ${value}, which InfluxDB has no value for`);
      return String(value);
    case "bigint":
      if (value < INT64_MIN || value > INT64_MAX) throw refused(`field "${name}" is over 64 bits`);
      return `${value}i`;
    case "boolean":
      return value ? "true" : "false";
    case "string":
      return `"${value.replace(/["\\]/g, "\\$&")}"`;
    default:
      throw refused(`field "${name}" is a ${typeof value}: use a number, bigint, boolean or string`);
  }
}

function nanoseconds(time: number | bigint, id: string | undefined): bigint {
  if (typeof time === "bigint") return time;
  if (!Number.isFinite(time)) throw refused(`the time is ${time}`);
  const ms = Math.floor(time);
  return BigInt(ms) * NS_PER_MS + (id === undefined ? 0n : BigInt(hash(id) % 1_000_000));
}

/** FNV-1a, 32 bits, with a last mix (murmur3's), since ids differ most in their last characters. */
function hash(text: string): number {
  let state = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193);
  state ^= state >>> 16;
  state = Math.imul(state, 0x85ebca6b);
  state ^= state >>> 13;
  return state >>> 0;
}

function escapeMeasurement(name: string): string {
  return fit(name).replace(/[, ]/g, "\\$&");
}

function escapeName(name: string): string {
  return fit(name).replace(/[,= ]/g, "\\$&");
}

/** A backslash escapes only what needs it, so one inside is itself; at the end it would take the separator with it. */
function fit(name: string): string {
  return name.replace(/[\n\r\t]/g, " ").replace(/\\+(?=[,= ]|$)/g, (slashes) => "_".repeat(slashes.length));
}

function refused(why: string): WriteError {
  return new WriteError("poison", "E_INFLUX_POINT", `not a point: ${why}`);
}
