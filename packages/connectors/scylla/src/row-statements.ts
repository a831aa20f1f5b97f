import { messageOf, WriteError } from "@millrace/core";
import { cellBytes } from "./cell-bytes.js";
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
    const names = shape.columns.map(({ name }) => quoted(name));
    this.#insert = `INSERT INTO ${tableText(shape)} (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")}) USING ${withTtl ? "TTL ? AND " : ""}TIMESTAMP ?`;
    this.#delete = `DELETE FROM ${tableText(shape)} USING TIMESTAMP ? WHERE ${this.#key.map((name) => `${quoted(name)} = ?`).join(" AND ")}`;
  }

  /** Throws where the row does not fit the table, naming it by its key. */
  insert(row: Row, { timestamp, ttlSeconds }: WriteMarks): BoundRow {
    const { columns } = this.#shape;
    for (const name of Object.keys(row))
      if (!columns.some((column) => column.name === name))
        throw this.#refused(row, `the table has no column "${name}"`);
    const params: (Uint8Array | null | undefined)[] = columns.map(({ name, type }) => {
      const value = row[name];
      if (value === undefined || value === null) {
        if (this.#key.includes(name)) throw this.#refused(row, `"${name}" is part of the key and has no value`);
        return value === null && this.#nulls === "tombstone" ? null : undefined;
      }
      return this.#bytes(row, name, value, type);
    });
    const partition = this.#partition(
      params,
      columns.map(({ name }) => name),
    );
    if (this.#withTtl) params.push(ttlSeconds === undefined ? undefined : cellBytes(ttlSeconds, { code: TYPES.int }));
    params.push(cellBytes(timestamp, { code: TYPES.bigint }));
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
    const partition = this.#partition(params, this.#key);
    return bound(this.#delete, [cellBytes(timestamp, { code: TYPES.bigint }), ...params], partition);
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

  #partition(params: readonly (Uint8Array | null | undefined)[], names: readonly string[]): string {
    return this.#shape.partitionKey
      .map((name) => {
        const bytes = params[names.indexOf(name)] as Buffer;
        return `${bytes.length}:${bytes.toString("latin1")}`;
      })
      .join("");
  }

  #refused(row: Row, why: string): WriteError {
    return new WriteError("poison", "E_SCYLLA_ROW", `${this.name(row)}: ${why}`);
  }
}

function bound(query: string, params: readonly (Uint8Array | null | undefined)[], partition: string): BoundRow {
  let bytes = STATEMENT_BYTES;
  for (const param of params) bytes += (param?.length ?? 0) + 4;
  return { statement: { query, params }, partition, bytes };
}
