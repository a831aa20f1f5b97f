import { messageOf, WriteError } from "@millrace/core";
import { cellBytes, longBytes } from "./cell-bytes.js";
import { type CellType, TYPES } from "./cell-type.js";
import type { BoundStatement, Row, TableShape } from "./cql-session.js";
import { keyText, primaryKeyOf, quoted, tableText } from "./table-shape.js";

/** What null in a row does: nothing, as a column that is left out, or a tombstone, which deletes what was there. */
export type Nulls = "unset" | "tombstone";

/** A row ready to be sent: a statement, in one object with what goes with it, since there is one for each value. */
export interface BoundRow extends BoundStatement {
  readonly row: Row;
  /** Which value of the write it is of. */
  readonly place: number;
  /** Equal for rows of one partition. */
  readonly partition: string;
  readonly bytes: number;
}

/** Beside its values, a statement in a batch has an id and lengths. */
const STATEMENT_BYTES = 32;

/** Makes the statements of a table's rows: one text for all inserts, whatever columns a row has, so that one is prepared. */
export class RowStatements {
  readonly #shape: TableShape;
  readonly #key: readonly string[];
  readonly #columns: readonly { readonly name: string; readonly type: CellType; readonly inKey: boolean }[];
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
    this.#columns = shape.columns.map(({ name, type }) => ({ name, type, inKey: this.#key.includes(name) }));
    this.#partitionInColumns = shape.partitionKey.map((name) => columns.indexOf(name));
    this.#partitionInKey = shape.partitionKey.map((name) => this.#key.indexOf(name));
    const names = columns.map(quoted);
    this.#insert = `INSERT INTO ${tableText(shape)} (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")}) USING ${withTtl ? "TTL ? AND " : ""}TIMESTAMP ?`;
    this.#delete = `DELETE FROM ${tableText(shape)} USING TIMESTAMP ? WHERE ${this.#key.map((name) => `${quoted(name)} = ?`).join(" AND ")}`;
  }

  /** Throws where the row does not fit the table, naming it by its key. */
  insert(row: Row, place: number, timestamp: number | bigint, ttlSeconds: number | undefined): BoundRow {
    const params: (Uint8Array | null | undefined)[] = [];
    let known = 0;
    for (const { name, type, inKey } of this.#columns) {
      const value = row[name];
      if (value !== undefined || Object.hasOwn(row, name)) known++;
      if (value !== undefined && value !== null) params.push(this.#bytes(row, name, value, type));
      else if (inKey) throw this.#refused(row, `"${name}" is part of the key and has no value`);
      else params.push(value === null && this.#nulls === "tombstone" ? null : undefined);
    }
    let given = 0;
    for (const _ in row) given++;
    if (given > known) this.#refuseUnknown(row);
    const partition = partitionOf(params, this.#partitionInColumns);
    if (this.#withTtl) params.push(ttlSeconds === undefined ? undefined : cellBytes(ttlSeconds, { code: TYPES.int }));
    params.push(longBytes(timestamp));
    return bound(this.#insert, params, row, place, partition);
  }

  /** Deletes the row with this key. */
  remove(row: Row, place: number, timestamp: number | bigint): BoundRow {
    const params: (Uint8Array | null | undefined)[] = this.#key.map((name) => {
      const value = row[name];
      if (value === undefined || value === null)
        throw this.#refused(row, `"${name}" is part of the key and has no value`);
      const type = this.#shape.columns.find((column) => column.name === name)?.type;
      return this.#bytes(row, name, value, type ?? { code: TYPES.custom });
    });
    const partition = partitionOf(params, this.#partitionInKey);
    return bound(this.#delete, [longBytes(timestamp), ...params], row, place, partition);
  }

  #refuseUnknown(row: Row): void {
    const name = Object.keys(row).find((each) => !this.#columns.some((column) => column.name === each));
    if (name !== undefined) throw this.#refused(row, `the table has no column "${name}"`);
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

function bound(
  query: string,
  params: readonly (Uint8Array | null | undefined)[],
  row: Row,
  place: number,
  partition: string,
): BoundRow {
  let bytes = STATEMENT_BYTES;
  for (const param of params) bytes += (param?.length ?? 0) + 4;
  return { query, params, row, place, partition, bytes };
}
