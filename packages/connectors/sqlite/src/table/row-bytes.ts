import { ByteReader, type ByteWriter, isWellFormed } from "../file/bytes.js";
import { FileFailure } from "../file/failure.js";
import type { ColumnType, TablePlan } from "./table-plan.js";

/** What SQLite is given for one column. */
export type Cell = string | number | bigint | Buffer | null;

const NULL = 0;
const TEXT = 1;
const REAL = 2;
const INTEGER = 3;
const BLOB = 4;

const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;

/** Writes one row in column order; throws a poison `E_SQLITE_ROW` and writes nothing where a value does not fit its column. */
export function packRow(row: unknown, plan: TablePlan, writer: ByteWriter): void {
  const start = writer.length;
  try {
    if (row === null || typeof row !== "object")
      throw refused(
        plan,
        `row() must return an object with a value for each column; it returned ${row === null ? "null" : typeof row}`,
      );
    for (const { name, type } of plan.columns) {
      if (!Object.hasOwn(row, name)) throw refused(plan, `column "${name}" is missing; null stands for none`);
      const value = (row as Record<string, unknown>)[name];
      if (value === null && (plan.key.includes(name) || plan.version === name))
        throw refused(plan, `column "${name}" is part of the key or the version and can not be null`);
      packCell(value, name, type, plan, writer);
    }
  } catch (error) {
    writer.rewind(start);
    throw error;
  }
}

/** The rows of a packed batch, in order. */
export function* unpackRows(bytes: Uint8Array, columns: number): Generator<Cell[]> {
  const reader = new ByteReader(bytes);
  while (!reader.done) {
    const row: Cell[] = [];
    for (let i = 0; i < columns; i++) row.push(unpackCell(reader));
    yield row;
  }
}

/** What a column may hold in JavaScript: why a value does not fit, or undefined. */
export function misfit(value: unknown, type: ColumnType): string | undefined {
  switch (type) {
    case "TEXT":
      if (typeof value !== "string") return "must be a string";
      return isWellFormed(value) ? undefined : "holds half a surrogate pair, which UTF-8 can not keep";
    case "INTEGER":
      return Number.isSafeInteger(value)
        ? undefined
        : "must be a whole number up to 2^53 − 1 (BIGINT takes larger ones)";
    case "BIGINT":
      return typeof value === "bigint" && value >= MIN_INT64 && value <= MAX_INT64
        ? undefined
        : "must be a bigint of 64 bits";
    case "REAL":
      // SQLite would silently store NaN as NULL.
      return typeof value === "number" && !Number.isNaN(value) ? undefined : "must be a number and not NaN";
    case "BLOB":
      return value instanceof Uint8Array ? undefined : "must be a Uint8Array";
  }
}

function packCell(value: unknown, name: string, type: ColumnType, plan: TablePlan, writer: ByteWriter): void {
  if (value === null) {
    writer.u8(NULL);
    return;
  }
  const why = misfit(value, type);
  if (why !== undefined) throw refused(plan, `column "${name}" (${type}) ${why}; it is ${describe(value)}`);
  if (type === "TEXT") {
    writer.u8(TEXT);
    writer.text(value as string);
  } else if (type === "REAL") {
    writer.u8(REAL);
    writer.f64(value as number);
  } else if (type === "BLOB") {
    writer.u8(BLOB);
    writer.blob(value as Uint8Array);
  } else {
    writer.u8(INTEGER);
    writer.i64(BigInt(value as number | bigint));
  }
}

function unpackCell(reader: ByteReader): Cell {
  switch (reader.u8()) {
    case TEXT:
      return reader.text() ?? "";
    case REAL:
      return reader.f64();
    case INTEGER:
      return reader.i64();
    case BLOB:
      return reader.blob() ?? null;
    default:
      return null;
  }
}

function describe(value: unknown): string {
  return typeof value === "number" || typeof value === "bigint"
    ? String(value)
    : value === null
      ? "null"
      : typeof value;
}

function refused(plan: TablePlan, why: string): FileFailure {
  return new FileFailure("E_SQLITE_ROW", "poison", `table "${plan.table}": ${why}`);
}
