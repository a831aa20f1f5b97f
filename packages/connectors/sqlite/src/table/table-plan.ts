import { quoted } from "../file/database.js";

/** What a column holds: text, a safe whole number, a bigint of 64 bits, a number, bytes. */
export type ColumnType = "TEXT" | "INTEGER" | "BIGINT" | "REAL" | "BLOB";

/** A table in plain data, as it crosses to the thread that owns the file. */
export interface TablePlan {
  readonly table: string;
  readonly columns: readonly { readonly name: string; readonly type: ColumnType }[];
  readonly key: readonly string[];
  readonly version: string | undefined;
}

/** The SQL that makes the table. STRICT: a value of the wrong type is an error and not another value. */
export function createSql({ table, columns, key }: TablePlan): string {
  const declared = columns.map(
    ({ name, type }) =>
      `${quoted(name)} ${type === "BIGINT" ? "INTEGER" : type}${key.includes(name) ? " NOT NULL" : ""}`,
  );
  return `CREATE TABLE ${quoted(table)} (${declared.join(", ")}, PRIMARY KEY (${key.map(quoted).join(", ")})) STRICT`;
}

/** The SQL that writes one row: a row of the same key is replaced, with a version only by a newer one. */
export function upsertSql({ table, columns, key, version }: TablePlan): string {
  const names = columns.map(({ name }) => quoted(name));
  const rest = columns
    .filter(({ name }) => !key.includes(name))
    .map(({ name }) => `${quoted(name)} = excluded.${quoted(name)}`);
  const insert = `INSERT INTO ${quoted(table)} (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")}) ON CONFLICT (${key.map(quoted).join(", ")})`;
  if (rest.length === 0) return `${insert} DO NOTHING`;
  const update = `${insert} DO UPDATE SET ${rest.join(", ")}`;
  if (version === undefined) return update;
  const old = `${quoted(table)}.${quoted(version)}`;
  return `${update} WHERE ${old} IS NULL OR excluded.${quoted(version)} > ${old}`;
}

/** The SQL that reads rows: all of them in key order, or the one of a key. */
export function selectSql({ table, columns, key }: TablePlan, of: "all" | "key"): string {
  const select = `SELECT ${columns.map(({ name }) => quoted(name)).join(", ")} FROM ${quoted(table)}`;
  return of === "all"
    ? `${select} ORDER BY ${key.map(quoted).join(", ")}`
    : `${select} WHERE ${key.map((name) => `${quoted(name)} = ?`).join(" AND ")}`;
}
