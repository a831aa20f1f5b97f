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
  /** Milliseconds (a fraction is cut off), or nanoseconds as bigint. */
  readonly time: number | bigint;
}

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const NS_PER_MS = 1_000_000;
/** The earliest and latest that InfluxDB stores. */
const TIME_MIN = INT64_MIN + 2n;
const TIME_MAX = INT64_MAX - 1n;
const SAFE_MS = 9_000_000_000_000;
/** The server keeps these for itself: it refuses such tags, and drops a field "time" without a word where there are others. */
const RESERVED_TAGS: ReadonlySet<string> = new Set(["time", "_field", "_measurement"]);
const RESERVED_FIELDS: ReadonlySet<string> = new Set(["time"]);
/** Text without any of these stands for itself. */
const SPECIAL = /[\0\t\n\r ,=\\]/;

/**
 * A point as one line of InfluxDB's line protocol, time in nanoseconds. `within` (0 to 999,999 nanoseconds, see {@link subMillisecond}) is added to a time
 * in milliseconds. What the protocol can not carry in names and tags is made fit: a line break, a tab or NUL becomes a space, a backslash that would
 * escape what follows (at the end or before a blank; in a measurement or field name also before a comma, `=` or `"`) an underscore. Strings of fields stay as they are. Throws a poison {@link WriteError} `E_INFLUX_POINT` for what InfluxDB refuses or, worse,
 * would drop: no field, an empty or reserved name, a measurement that begins with `#`, NaN, infinite numbers, integers over 64 bits, a time out of range.
 *
 * @example
 * ```ts
 * import { encodePoint } from "@millrace/influx";
 * encodePoint({ measurement: "score", tags: { id: "ada l" }, fields: { score: 7, visits: 3n }, time: 5 });
 * // "score,id=ada\\ l score=7,visits=3i 5000000"
 * ```
 */
export function encodePoint(point: Point, within = 0): string {
  const { measurement, tags, fields, time } = point;
  let line = measurements.of(measurement);
  for (const name in tags) {
    const value = tags[name];
    if (value === undefined || value === "") continue;
    line += tagNames.of(name) + (SPECIAL.test(value) ? escaped(fitTag(value)) : value);
  }
  let names = firstFieldNames;
  for (const name in fields) {
    const value = fields[name];
    if (value === undefined) continue;
    line += names.of(name) + encodeField(name, value);
    names = fieldNames;
  }
  if (names === firstFieldNames) throw refused(`the point of "${measurement}" has no field`);
  return `${line} ${nanoseconds(time, within)}`;
}

/**
 * Nanoseconds within a millisecond, made from an id: so that points of one series and millisecond do not overwrite each other, while a replay, which has the same
 * ids, overwrites itself. Ids that differ only in `sequence` never meet within a million of them; others meet by chance, one pair in a million.
 *
 * @example
 * ```ts
 * import { subMillisecond } from "@millrace/influx";
 * subMillisecond("orders/2", 17n) === subMillisecond("orders/2", 18n) - 1;
 * ```
 */
export function subMillisecond(id: string, sequence: number | bigint = 0): number {
  const place = typeof sequence === "number" ? sequence % NS_PER_MS : Number(sequence % BigInt(NS_PER_MS));
  return (hash(id) + place) % NS_PER_MS;
}

/** Names as they are written. There are few, which come again with every point, so those are made once. */
class EncodedNames {
  readonly #encode: (name: string) => string;
  readonly #known = new Map<string, string>();

  constructor(encode: (name: string) => string) {
    this.#encode = encode;
  }

  of(name: string): string {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const encoded = this.#encode(name);
    if (this.#known.size < MAX_KNOWN_NAMES) this.#known.set(name, encoded);
    return encoded;
  }
}

/** Names made of values would be without end. */
const MAX_KNOWN_NAMES = 1_000;
const measurements = new EncodedNames(encodeMeasurement);
const tagNames = new EncodedNames((name) => `,${encodeName("tag", fitTag(name), RESERVED_TAGS)}=`);
const firstFieldNames = new EncodedNames((name) => ` ${encodeName("field", fitName(name), RESERVED_FIELDS)}=`);
const fieldNames = new EncodedNames((name) => `,${encodeName("field", fitName(name), RESERVED_FIELDS)}=`);

function encodeMeasurement(name: string): string {
  if (name === "") throw refused("the measurement is empty");
  if (name.startsWith("#"))
    throw refused(`the measurement "${name}" begins with "#", which makes a comment of the line`);
  return fitName(name).replace(/[, ]/g, "\\$&");
}

function encodeName(what: string, fitted: string, reserved: ReadonlySet<string>): string {
  if (fitted === "") throw refused(`a ${what} has an empty name`);
  if (reserved.has(fitted)) throw refused(`a ${what} can not be called "${fitted}": InfluxDB keeps that for itself`);
  return escaped(fitted);
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
      return value.includes("\\") || value.includes('"')
        ? `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`
        : `"${value}"`;
    default:
      throw refused(`field "${name}" is a ${typeof value}: use a number, bigint, boolean or string`);
  }
}

/** Points that come together are most often of one stretch of time, whose digits are kept: a number of over 31 bits takes long to write out. */
const MS_A_STRETCH = 1_000_000;
let stretchOfText = 0;
let stretchText = "0";

function sixDigits(count: number): string {
  return String(count).padStart(6, "0");
}

function nanoseconds(time: number | bigint, within: number): string {
  // As text, since most times are like this one, and a bigint costs more than the rest of the line.
  if (typeof time === "number" && time >= MS_A_STRETCH && time <= SAFE_MS) {
    const ms = Math.floor(time);
    const stretch = Math.floor(ms / MS_A_STRETCH);
    if (stretch !== stretchOfText) {
      stretchOfText = stretch;
      stretchText = String(stretch);
    }
    return stretchText + sixDigits(ms - stretch * MS_A_STRETCH) + sixDigits(within);
  }
  if (typeof time === "number" && !Number.isFinite(time)) throw refused(`the time is ${time}`);
  const ns = typeof time === "bigint" ? time : BigInt(Math.floor(time)) * BigInt(NS_PER_MS) + BigInt(within);
  if (ns < TIME_MIN || ns > TIME_MAX) throw refused(`the time ${time} is out of range, which is 1677 to 2262`);
  return String(ns);
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

function escaped(name: string): string {
  return name.replaceAll(",", "\\,").replaceAll("=", "\\=").replaceAll(" ", "\\ ");
}

/** Line breaks end a line, and the server skips white space before names. */
function withoutBreaks(text: string): string {
  return text.replace(/[\0\t\n\r]/g, " ");
}

/**
 * In tags a backslash is itself; at the end it would take the separator with it, and before a blank it ends the tags for the server's search for the end of the
 * line, which may then cut a string.
 */
function fitTag(text: string): string {
  return withoutBreaks(text).replace(/\\+(?= |$)/g, underscores);
}

/** In other names the server also takes one before these for an escape, though they have their own: it refuses such fields, and loses such measurements. */
function fitName(text: string): string {
  return withoutBreaks(text).replace(/\\+(?=[,= "]|$)/g, underscores);
}

function underscores(slashes: string): string {
  return "_".repeat(slashes.length);
}

function refused(why: string): WriteError {
  return new WriteError("poison", "E_INFLUX_POINT", `not a point: ${why}`);
}
