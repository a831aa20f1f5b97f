import { FileFailure } from "../file/failure.js";
import type { TablePlan } from "./table-plan.js";

/** A row as better-sqlite3 gives it with safe integers: whole numbers are bigints. */
export type SqlRow = Record<string, string | number | bigint | Uint8Array | null>;

/** The row with each column in its own JavaScript type. A whole number that does not fit a number is an error, not a near one. */
export function readRow(row: SqlRow, plan: TablePlan): SqlRow {
  const read: SqlRow = {};
  for (const { name, type } of plan.columns) {
    const value = row[name] ?? null;
    if (typeof value !== "bigint" || type === "BIGINT") define(read, name, value);
    else {
      if (type === "INTEGER" && (value > MAX_SAFE || value < -MAX_SAFE))
        throw new FileFailure(
          "E_SQLITE_RANGE",
          "fatal",
          `table "${plan.table}": column "${name}" holds ${value}, which no number can hold: declare it as BIGINT`,
        );
      define(read, name, Number(value));
    }
  }
  return read;
}

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/** A column may be called `__proto__`. */
function define(row: SqlRow, name: string, value: SqlRow[string]): void {
  Object.defineProperty(row, name, { value, enumerable: true, writable: true, configurable: true });
}
