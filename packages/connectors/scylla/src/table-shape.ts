import { requireArgument, WriteError } from "@millrace/core";
import type { CellType } from "./cell-type.js";
import type { CqlSession, TableShape } from "./cql-session.js";

/** Which table. Names are taken as they are, so upper case is upper case. */
export interface TableName {
  readonly keyspace: string;
  readonly table: string;
}

const NAME = /^[A-Za-z0-9_]{1,48}$/;

export function checkName(name: unknown, what: string): asserts name is string {
  requireArgument(
    typeof name === "string" && NAME.test(name),
    `${what} must have a name of 1 to 48 letters, digits and underscores; it is ${JSON.stringify(name)}`,
  );
}

export function checkTableName({ keyspace, table }: TableName, what: string): void {
  checkName(keyspace, `${what}: keyspace`);
  checkName(table, `${what}: table`);
}

/** A name in CQL: without quotes it would be lower case. */
export function quoted(name: string): string {
  return `"${name}"`;
}

export function tableText({ keyspace, table }: TableName): string {
  return `${quoted(keyspace)}.${quoted(table)}`;
}

/** The table, or a failure that says what is missing. */
export async function requireTable(session: CqlSession, { keyspace, table }: TableName): Promise<TableShape> {
  const shape = await session.shape(keyspace, table);
  if (shape === undefined)
    throw new WriteError(
      "fatal",
      "E_SCYLLA_TABLE",
      `there is no table "${table}" in keyspace "${keyspace}". Make it, such as by ensureSchema()`,
    );
  return shape;
}

export function primaryKeyOf({ partitionKey, clusteringKey }: TableShape): readonly string[] {
  return [...partitionKey, ...clusteringKey];
}

export function columnType(shape: TableShape, name: string): CellType {
  const column = shape.columns.find((each) => each.name === name);
  if (column === undefined)
    throw new WriteError("fatal", "E_SCYLLA_SCHEMA", `table ${shape.keyspace}.${shape.table} has no column "${name}"`);
  return column.type;
}

/** A row's key as text for a message or an id, such as `citizen_id=a, rule_id=7`. */
export function keyText(key: readonly string[], row: Readonly<Record<string, unknown>>): string {
  return key.map((name) => `${name}=${cellText(row[name])}`).join(", ");
}

/** Text that stands for a key's value in a message. */
function cellText(value: unknown): string {
  const text = String(plainText(value));
  return text.length <= 100 ? text : `${text.slice(0, 97)}...`;
}

/** A key's value as JSON can hold it, different for different values of a column. */
export function plainText(value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (value instanceof Date && !Number.isNaN(value.getTime())) return value.toISOString();
  if (value instanceof Uint8Array) return `0x${Buffer.from(value).toString("hex")}`;
  if (value instanceof Map) return [...value].map((entry) => entry.map(plainText));
  if (Array.isArray(value)) return value.map(plainText);
  return value;
}
