import cassandra from "cassandra-driver";
import { type CellType, fieldsOf, TYPES } from "./cell-type.js";

const { types } = cassandra;

/**
 * What the driver gives, as plain JavaScript: bigint for its Long and Integer, text for its other classes, Map, arrays, Uint8Array.
 * Whatever the client was told about encoding, the answer is the same.
 */
export function plainCell(value: unknown, type: CellType): unknown {
  if (value === null || value === undefined) return null;
  switch (type.code) {
    case TYPES.bigint:
    case TYPES.counter:
    case TYPES.varint:
      return value instanceof types.Long
        ? (BigInt(value.getHighBits()) << 32n) | BigInt(value.getLowBitsUnsigned())
        : BigInt(String(value));
    case TYPES.blob:
      return new Uint8Array(value as Uint8Array);
    case TYPES.list:
    case TYPES.set:
      return [...(value as Iterable<unknown>)].map((each) => plainCell(each, type.info as CellType));
    case TYPES.map:
      return plainMap(value as object, type);
    case TYPES.tuple: {
      const own = type.info as readonly CellType[];
      return (value as { values(): unknown[] }).values().map((each, i) => plainCell(each, own[i] as CellType));
    }
    case TYPES.udt: {
      const given = value as Record<string, unknown>;
      return Object.fromEntries(fieldsOf(type).map((field) => [field.name, plainCell(given[field.name], field.type)]));
    }
    default:
      return typeof value === "object" && isDriverClass(value) ? String(value) : value;
  }
}

const READY: ReadonlySet<number> = new Set([
  TYPES.ascii,
  TYPES.boolean,
  TYPES.double,
  TYPES.float,
  TYPES.int,
  TYPES.smallint,
  TYPES.text,
  TYPES.timestamp,
  TYPES.tinyint,
  TYPES.varchar,
]);

/** What the driver gives for this type is plain JavaScript, or null, whatever the client was told. */
export function isPlain({ code }: CellType): boolean {
  return READY.has(code);
}

function isDriverClass(value: object): boolean {
  return (
    value instanceof types.Uuid ||
    value instanceof types.InetAddress ||
    value instanceof types.LocalDate ||
    value instanceof types.LocalTime ||
    value instanceof types.BigDecimal ||
    value instanceof types.Duration
  );
}

/** Without `encoding.map` the driver makes an object, whose keys are text whatever they were. */
function plainMap(value: object, type: CellType): Map<unknown, unknown> {
  const [keyType, valueType] = type.info as [CellType, CellType];
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  return new Map(entries.map(([key, each]) => [keyOf(key, keyType), plainCell(each, valueType)]));
}

const NUMBERS: ReadonlySet<number> = new Set([TYPES.int, TYPES.smallint, TYPES.tinyint, TYPES.float, TYPES.double]);

function keyOf(key: unknown, type: CellType): unknown {
  if (typeof key !== "string") return plainCell(key, type);
  if (NUMBERS.has(type.code)) return Number(key);
  if (type.code === TYPES.boolean) return key === "true";
  if (type.code === TYPES.timestamp) return new Date(key);
  return type.code === TYPES.bigint || type.code === TYPES.varint ? BigInt(key) : key;
}
