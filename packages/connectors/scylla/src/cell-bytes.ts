import { isIP } from "node:net";
import { messageOf } from "@millrace/core";
import cassandra from "cassandra-driver";
import { type CellType, fieldsOf, TYPES, typeName } from "./cell-type.js";

const { types } = cassandra;

/** The driver's own encoder, which it exports without saying so in its declarations. */
interface Encoder {
  encode(value: unknown, type: CellType): Buffer;
}
interface EncoderModule {
  readonly Encoder: new (protocolVersion: number, options: object) => Encoder;
}

/** The first version that can leave a column as it is. Cells look the same in all later ones. */
const PROTOCOL_VERSION = 4;
const encoder: Encoder = new (cassandra as unknown as EncoderModule).Encoder(PROTOCOL_VERSION, {
  encoding: { map: Map, set: Set, useBigIntAsLong: true, useBigIntAsVarint: true, useUndefinedAsUnset: true },
});

/** The value does not fit its column. */
export class CellError extends Error {
  override readonly name = "CellError";
}

/**
 * A value's bytes in a column of this type. Stricter than the driver, which writes 1 for 1.5, true for "false", a rounded number
 * for one above 2^53, and question marks for what ASCII does not have. Throws {@link CellError}.
 */
export function cellBytes(value: unknown, type: CellType): Uint8Array {
  const common = commonBytes(value, type.code);
  if (common !== undefined) return common;
  const ready = checked(value, type);
  if (typeof ready === "string" && (type.code === TYPES.text || type.code === TYPES.varchar)) return Buffer.from(ready);
  if (typeof ready === "bigint" && type.code === TYPES.bigint) return longBytes(ready);
  if (ready instanceof Uint8Array) return Buffer.from(ready.buffer, ready.byteOffset, ready.byteLength);
  try {
    return encoder.encode(ready, type);
  } catch (error) {
    throw new CellError(messageOf(error));
  }
}

/** What is sent for a value: its bytes, or what the driver makes the same bytes of; null (a deletion), or undefined (left as it is). */
export type CellParam = Uint8Array | string | number | null | undefined;

/**
 * As {@link cellBytes}, but a sound value of the commonest types is left to the driver, which makes its bytes when it sends them: those
 * of a whole batch, made beforehand, would wait so long that the collector has to move them.
 */
export function cellParam(value: unknown, type: CellType): Uint8Array | string | number {
  switch (type.code) {
    case TYPES.text:
    case TYPES.varchar:
      if (typeof value === "string" && value.isWellFormed()) return value;
      break;
    case TYPES.int:
      // Of each value the same, whatever it was given as: -0 is 0 here, and 1n is 1.
      if (typeof value === "number" && (value | 0) === value) return value + 0;
      return (cellBytes(value, type) as Buffer).readInt32BE();
    case TYPES.timestamp: {
      const ms = value instanceof Date ? value.getTime() : value;
      if (Number.isSafeInteger(ms) && Math.abs(ms as number) <= MAX_DATE_MS) return (ms as number) + 0;
      break;
    }
    case TYPES.double:
      if (typeof value === "number") return value;
      break;
    default:
  }
  return cellBytes(value, type);
}

/** Sound values of the commonest types, for which the checks and the encoder take a long way; undefined: take it. */
function commonBytes(value: unknown, code: number): Uint8Array | undefined {
  switch (code) {
    case TYPES.text:
    case TYPES.varchar:
      return typeof value === "string" && value.isWellFormed() ? Buffer.from(value) : undefined;
    case TYPES.int:
      return typeof value === "number" && (value | 0) === value ? intBytes(value) : undefined;
    case TYPES.bigint:
      return Number.isSafeInteger(value) ? longBytes(value as number) : undefined;
    case TYPES.timestamp: {
      const ms = value instanceof Date ? value.getTime() : value;
      return Number.isSafeInteger(ms) && Math.abs(ms as number) <= MAX_DATE_MS ? longBytes(ms as number) : undefined;
    }
    case TYPES.double:
      return typeof value === "number" ? doubleBytes(value) : undefined;
    default:
      return undefined;
  }
}

/** The times that a Date can be. */
const MAX_DATE_MS = 8_640_000_000_000_000;
const TWO_32 = 2 ** 32;

function intBytes(value: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function doubleBytes(value: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeDoubleBE(value);
  return bytes;
}

/** A whole number of 64 bits; as a number, one that is exact. */
export function longBytes(value: number | bigint): Uint8Array {
  const bytes = Buffer.allocUnsafe(8);
  if (typeof value === "bigint") bytes.writeBigInt64BE(value);
  else {
    bytes.writeInt32BE(Math.floor(value / TWO_32));
    bytes.writeUInt32BE(value >>> 0, 4);
  }
  return bytes;
}

const INTEGERS: ReadonlyMap<number, bigint> = new Map([
  [TYPES.tinyint, 2n ** 7n],
  [TYPES.smallint, 2n ** 15n],
  [TYPES.int, 2n ** 31n],
  [TYPES.bigint, 2n ** 63n],
  [TYPES.counter, 2n ** 63n],
]);
const MAX_FLOAT = 3.4028234663852886e38;

/** The value as the encoder takes it without guessing. */
function checked(value: unknown, type: CellType): unknown {
  const limit = INTEGERS.get(type.code);
  if (limit !== undefined) return wholeNumber(value, type, limit);
  switch (type.code) {
    case TYPES.text:
    case TYPES.varchar:
      // What is not well-formed would come back as another text.
      return typeof value === "string" && value.isWellFormed() ? value : refuse(value, type, "a well-formed string");
    case TYPES.ascii:
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what ASCII is.
      return typeof value === "string" && /^[\u0000-\u007f]*$/.test(value) ? value : refuse(value, type, "ASCII text");
    case TYPES.boolean:
      return typeof value === "boolean" ? value : refuse(value, type, "true or false");
    case TYPES.double:
      return typeof value === "number" ? value : refuse(value, type, "a number");
    case TYPES.float:
      return typeof value === "number" && !(Number.isFinite(value) && Math.abs(value) > MAX_FLOAT)
        ? value
        : refuse(value, type, "a number of single precision");
    case TYPES.varint:
      return wholeNumber(value, type, undefined);
    case TYPES.blob:
      return value instanceof Uint8Array ? value : refuse(value, type, "a Uint8Array");
    case TYPES.list:
    case TYPES.set:
      return value instanceof Set || Array.isArray(value)
        ? [...value].map((each) => elementOf(each, type.info as CellType))
        : refuse(value, type, "an array or a Set");
    case TYPES.map:
      return mapOf(value, type);
    case TYPES.tuple:
    case TYPES.udt:
      return partsOf(value, type);
    default:
      return byText(value, type);
  }
}

function wholeNumber(value: unknown, type: CellType, limit: bigint | undefined): number | bigint {
  const exact =
    typeof value === "object" && (types.Long.isLong(value) || value instanceof types.Integer)
      ? BigInt(value.toString())
      : value;
  if (typeof exact === "number" && !Number.isSafeInteger(exact))
    return refuse(value, type, "a whole number; above 2^53 a bigint");
  if (typeof exact !== "number" && typeof exact !== "bigint") return refuse(value, type, "a whole number or a bigint");
  const big = BigInt(exact);
  if (limit !== undefined && (big >= limit || big < -limit)) return refuse(value, type, `${-limit} to ${limit - 1n}`);
  return type.code === TYPES.bigint || type.code === TYPES.counter || type.code === TYPES.varint ? big : Number(big);
}

/** Types that are mostly written as text, and have a class of the driver's. */
function byText(value: unknown, type: CellType): unknown {
  switch (type.code) {
    case TYPES.timestamp:
      if (value instanceof Date && !Number.isNaN(value.getTime())) return value;
      return typeof value === "number" && Number.isSafeInteger(value)
        ? new Date(value)
        : refuse(value, type, "a valid Date, or whole milliseconds since the epoch");
    case TYPES.uuid:
    case TYPES.timeuuid:
      return typeof value === "string" || value instanceof types.Uuid ? value : refuse(value, type, "a UUID as text");
    case TYPES.inet:
      return (typeof value === "string" && isIP(value) !== 0) || value instanceof types.InetAddress
        ? value
        : refuse(value, type, "an IP address as text");
    case TYPES.date:
      return (typeof value === "string" && /^-?\d{4,}-\d{2}-\d{2}$/.test(value)) || value instanceof types.LocalDate
        ? value
        : refuse(value, type, "a day such as 2026-11-25 as text: a Date depends on a time zone");
    case TYPES.time:
      return typeof value === "string" || value instanceof types.LocalTime
        ? value
        : refuse(value, type, "a time such as 12:30:00.5 as text");
    case TYPES.decimal:
      return (typeof value === "string" && /^-?\d+(\.\d+)?$/.test(value)) || value instanceof types.BigDecimal
        ? value
        : refuse(value, type, "a decimal number as text: a number is binary");
    case TYPES.duration:
      if (value instanceof types.Duration) return value;
      return typeof value === "string" ? durationOf(value, type) : refuse(value, type, "a duration as text");
    default:
      return value;
  }
}

function durationOf(value: string, type: CellType): unknown {
  try {
    return types.Duration.fromString(value);
  } catch {
    return refuse(value, type, "a duration such as 1mo2d3h");
  }
}

function elementOf(value: unknown, type: CellType): unknown {
  if (value === null || value === undefined) throw new CellError("a collection can not hold null or undefined");
  const ready = checked(value, type);
  return ready instanceof Uint8Array ? Buffer.from(ready) : ready;
}

function mapOf(value: unknown, type: CellType): Map<unknown, unknown> {
  const [keyType, valueType] = type.info as [CellType, CellType];
  const entries =
    value instanceof Map
      ? [...value]
      : typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype
        ? Object.entries(value)
        : refuse(value, type, "a Map or a plain object");
  return new Map(entries.map(([key, each]) => [elementOf(key, keyType), elementOf(each, valueType)]));
}

function partsOf(value: unknown, type: CellType): unknown {
  const part = (each: unknown, of: CellType): unknown =>
    each === null || each === undefined ? each : elementOf(each, of);
  if (type.code === TYPES.tuple) {
    const own = type.info as readonly CellType[];
    if (!Array.isArray(value) || value.length !== own.length)
      return refuse(value, type, `an array of ${own.length} values`);
    return types.Tuple.fromArray(value.map((each, i) => part(each, own[i] as CellType)));
  }
  const fields = fieldsOf(type);
  if (typeof value !== "object" || value === null) return refuse(value, type, "an object");
  const unknown = Object.keys(value).find((name) => !fields.some((field) => field.name === name));
  if (unknown !== undefined) throw new CellError(`its type has no field "${unknown}"`);
  return Object.fromEntries(
    fields.map((field) => [field.name, part((value as Record<string, unknown>)[field.name], field.type)]),
  );
}

/** Says of which kind the value is, and never what it is: it may be anything. */
function refuse(value: unknown, type: CellType, wanted: string): never {
  throw new CellError(`${typeName(type)} takes ${wanted}, not ${kindOf(value)}`);
}

function kindOf(value: unknown): string {
  if (typeof value === "number") return String(value);
  if (value instanceof Date) return "an invalid Date";
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === "object" && value !== null) return `a ${value.constructor?.name ?? "object"}`;
  return value === null || value === undefined ? String(value) : `this ${typeof value}`;
}
