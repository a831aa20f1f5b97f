import { messageOf, WriteError } from "@millrace/core";
import { cellBytes, longBytes } from "./cell-bytes.js";
import { TYPES } from "./cell-type.js";
import type { BoundStatement, Row, TableShape } from "./cql-session.js";
import { keyText, primaryKeyOf, quoted, tableText } from "./table-shape.js";

/** What null in a row does: nothing, as a column that is left out, or a tombstone, which deletes what was there. */
export type Nulls = "unset" | "tombstone";

/** A row ready to be sent. */
export interface BoundRow {
  readonly statement: BoundStatement;
  /** Equal for rows of one partition. */
  readonly partition: string;
  readonly bytes: number;
}

/** What is written beside the columns. */
export interface WriteMarks {
  readonly timestamp: bigint;
  readonly ttlSeconds: number | undefined;
}

/** Beside its values, a statement in a batch has an id and lengths. */
const STATEMENT_BYTES = 32;

/** Makes the statements of a table's rows: one text for all inserts, whatever columns a row has, so that one is prepared. */
export class RowStatements {
  readonly #shape: TableShape;
  readonly #key: readonly string[];
  readonly #names: ReadonlySet<string>;
  /** Where the partition key is among the columns, and in the whole key. */
  readonly #partitionInColumns: readonly number[];
  readonly #partitionInKey: readonly number[];
  readonly #nulls: Nulls;
  readonly #withTtl: boolean;
  readonly #insert: string;
  readonly #delete: string;

  constructor(shape: TableShape, nulls: Nulls, withTtl: boolean) {
    const counter = shape.columns.find(({ type }) => type.code === TYPES.counter);
    if (counter !== undefined)
      throw new WriteError(
        "fatal",
        "E_SCYLLA_SCHEMA",
        `table ${shape.keyspace}.${shape.table} has a counter ("${counter.name}"): a replay would count again. Write absolute values`,
      );
    this.#shape = shape;
    this.#key = primaryKeyOf(shape);
    this.#nulls = nulls;
    this.#withTtl = withTtl;
    const columns = shape.columns.map(({ name }) => name);
    this.#names = new Set(columns);
    this.#partitionInColumns = shape.partitionKey.map((name) => columns.indexOf(name));
    this.#partitionInKey = shape.partitionKey.map((name) => this.#key.indexOf(name));
    const names = columns.map(quoted);
    this.#insert = `INSERT INTO ${tableText(shape)} (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")}) USING ${withTtl ? "TTL ? AND " : ""}TIMESTAMP ?`;
    this.#delete = `DELETE FROM ${tableText(shape)} USING TIMESTAMP ? WHERE ${this.#key.map((name) => `${quoted(name)} = ?`).join(" AND ")}`;
  }

  /** Throws where the row does not fit the table, naming it by its key. */
  insert(row: Row, { timestamp, ttlSeconds }: WriteMarks): BoundRow {
    const { columns } = this.#shape;
    for (const name of Object.keys(row))
      if (!this.#names.has(name)) throw this.#refused(row, `the table has no column "${name}"`);
    const params: (Uint8Array | null | undefined)[] = columns.map(({ name, type }) => {
      const value = row[name];
      if (value === undefined || value === null) {
        if (this.#key.includes(name)) throw this.#refused(row, `"${name}" is part of the key and has no value`);
        return value === null && this.#nulls === "tombstone" ? null : undefined;
      }
      return this.#bytes(row, name, value, type);
    });
    const partition = partitionOf(params, this.#partitionInColumns);
    if (this.#withTtl) params.push(ttlSeconds === undefined ? undefined : cellBytes(ttlSeconds, { code: TYPES.int }));
    params.push(longBytes(timestamp));
    return bound(this.#insert, params, partition);
  }

  /** Deletes the row with this key. */
  remove(row: Row, { timestamp }: WriteMarks): BoundRow {
    const params: (Uint8Array | null | undefined)[] = this.#key.map((name) => {
      const value = row[name];
      if (value === undefined || value === null)
        throw this.#refused(row, `"${name}" is part of the key and has no value`);
      const type = this.#shape.columns.find((column) => column.name === name)?.type;
      return this.#bytes(row, name, value, type ?? { code: TYPES.custom });
    });
    const partition = partitionOf(params, this.#partitionInKey);
    return bound(this.#delete, [longBytes(timestamp), ...params], partition);
  }

  /** The row's key for a message. */
  name(row: Row): string {
    return `row ${keyText(this.#key, row)} of ${this.#shape.keyspace}.${this.#shape.table}`;
  }

  #bytes(row: Row, name: string, value: unknown, type: { readonly code: number }): Uint8Array {
    try {
      return cellBytes(value, type);
    } catch (error) {
      throw this.#refused(row, `column "${name}": ${messageOf(error)}`);
    }
  }

  #refused(row: Row, why: string): WriteError {
    return new WriteError("poison", "E_SCYLLA_ROW", `${this.name(row)}: ${why}`);
  }
}

function partitionOf(params: readonly (Uint8Array | null | undefined)[], places: readonly number[]): string {
  const [first = 0] = places;
  if (places.length === 1) return (params[first] as Buffer).toString("latin1");
  return places.map((place) => `${params[place]?.length}:${(params[place] as Buffer).toString("latin1")}`).join("");
}

function bound(query: string, params: readonly (Uint8Array | null | undefined)[], partition: string): BoundRow {
  let bytes = STATEMENT_BYTES;
  for (const param of params) bytes += (param?.length ?? 0) + 4;
  return { statement: { query, params }, partition, bytes };
}
