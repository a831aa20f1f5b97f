import { messageOf, WriteError } from "@millrace/core";
import { type CellParam, cellParam, longBytes } from "./cell-bytes.js";
import { type CellType, TYPES } from "./cell-type.js";
import type { BoundStatement, Row, TableShape } from "./cql-session.js";
import { keyText, primaryKeyOf, quoted, tableText } from "./table-shape.js";

/** What null in a row does: nothing, as a column that is left out, or a tombstone, which deletes what was there. */
export type Nulls = "unset" | "tombstone";

/** A row ready to be sent: a statement, in one object with what goes with it, since there is one for each value. */
export interface BoundRow extends BoundStatement {
  query: string;
  readonly params: CellParam[];
  readonly row: Row;
  /** Which value of the write it is of. */
  readonly place: number;
  readonly bytes: number;
  readonly deletes: boolean;
}

interface Column {
  readonly name: string;
  readonly type: CellType;
  /** Where its value is among a statement's: the key's columns come first, in the order of the key. */
  readonly place: number;
}

/** Beside its values, a statement in a batch has an id, lengths, and perhaps a time of its own. */
const STATEMENT_BYTES = 44;

/** Makes the statements of a table's rows: one text for all inserts, whatever columns a row has, so that one is prepared. */
export class RowStatements {
  readonly partitionColumns: number;
  readonly keyColumns: number;
  /** Rows of a partition share a column, so that two of them may write one cell. */
  readonly sharesCells: boolean;
  readonly #table: string;
  readonly #key: readonly string[];
  readonly #columns: readonly Column[];
  readonly #byName: ReadonlyMap<string, Column>;
  /** The columns in the order of the properties of the row before: mostly that of the next one too. */
  readonly #expected: Column[] = [];
  readonly #empty: readonly undefined[];
  readonly #nulls: Nulls;
  readonly #withTtl: boolean;
  readonly #insert: string;
  readonly #stampedInsert: string;
  readonly #delete: string;
  readonly #stampedDelete: string;

  constructor(shape: TableShape, nulls: Nulls, withTtl: boolean) {
    const counter = shape.columns.find(({ type }) => type.code === TYPES.counter);
    if (counter !== undefined)
      throw new WriteError(
        "fatal",
        "E_SCYLLA_SCHEMA",
        `table ${shape.keyspace}.${shape.table} has a counter ("${counter.name}"): a replay would count again. Write absolute values`,
      );
    this.#table = `${shape.keyspace}.${shape.table}`;
    this.#key = primaryKeyOf(shape);
    this.partitionColumns = shape.partitionKey.length;
    this.keyColumns = this.#key.length;
    this.sharesCells = shape.columns.some(({ isStatic }) => isStatic === true);
    this.#nulls = nulls;
    this.#withTtl = withTtl;
    const inOrder = [
      ...this.#key.flatMap((name) => shape.columns.filter((column) => column.name === name)),
      ...shape.columns.filter(({ name }) => !this.#key.includes(name)),
    ];
    this.#columns = inOrder.map(({ name, type }, place) => ({ name, type, place }));
    this.#byName = new Map(this.#columns.map((column) => [column.name, column]));
    this.#empty = new Array<undefined>(this.#columns.length + (withTtl ? 1 : 0)).fill(undefined);
    const names = inOrder.map(({ name }) => quoted(name));
    const insert = `INSERT INTO ${tableText(shape)} (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`;
    this.#insert = withTtl ? `${insert} USING TTL ?` : insert;
    this.#stampedInsert = `${insert} USING ${withTtl ? "TTL ? AND " : ""}TIMESTAMP ?`;
    const where = this.#key.map((name) => `${quoted(name)} = ?`).join(" AND ");
    this.#delete = `DELETE FROM ${tableText(shape)} WHERE ${where}`;
    this.#stampedDelete = `DELETE FROM ${tableText(shape)} USING TIMESTAMP ? WHERE ${where}`;
  }

  /** Throws where the row does not fit the table, naming it by its key. It has the time of its request. */
  insert(row: Row, place: number, ttlSeconds: number | undefined): BoundRow {
    const params: CellParam[] = this.#empty.slice();
    let bytes = STATEMENT_BYTES;
    let given = 0;
    let unknown = false;
    for (const name in row) {
      const column = this.#columnOf(name, given);
      if (column === undefined) unknown = true;
      else {
        given++;
        bytes += this.#fill(params, column, row[name], row);
      }
    }
    if (unknown) this.#refuseUnknown(row);
    // A column that is left out; but a class may have it as a getter, which is not listed.
    if (given < this.#columns.length)
      for (const column of this.#columns)
        if (params[column.place] === undefined) bytes += this.#fill(params, column, row[column.name], row);
    for (let i = 0; i < this.keyColumns; i++)
      if (params[i] === undefined || params[i] === null) throw this.#withoutKey(row, this.#columns[i] as Column);
    if (this.#withTtl) params[params.length - 1] = ttlSeconds;
    return { query: this.#insert, params, row, place, bytes, deletes: false };
  }

  /** Deletes the row with this key. */
  remove(row: Row, place: number): BoundRow {
    const params: CellParam[] = [];
    let bytes = STATEMENT_BYTES;
    for (let i = 0; i < this.keyColumns; i++) {
      const column = this.#columns[i] as Column;
      const value = row[column.name];
      if (value === undefined || value === null) throw this.#withoutKey(row, column);
      const param = this.#param(row, column, value);
      params.push(param);
      bytes += bytesOf(param);
    }
    return { query: this.#delete, params, row, place, bytes, deletes: true };
  }

  /** Gives it a time of its own (USING TIMESTAMP). */
  stamp(bound: BoundRow, timestamp: number | bigint): void {
    const time = longBytes(timestamp);
    if (bound.deletes) bound.params.unshift(time);
    else bound.params.push(time);
    bound.query = bound.deletes ? this.#stampedDelete : this.#stampedInsert;
  }

  /** The row's key for a message. */
  name(row: Row): string {
    return `row ${keyText(this.#key, row)} of ${this.#table}`;
  }

  #columnOf(name: string, at: number): Column | undefined {
    const expected = this.#expected[at];
    if (expected !== undefined && expected.name === name) return expected;
    const found = this.#byName.get(name);
    if (found !== undefined) this.#expected[at] = found;
    return found;
  }

  /** Puts a column's value to its place, and tells its size. */
  #fill(params: CellParam[], column: Column, value: unknown, row: Row): number {
    if (value === undefined) return 0;
    if (value === null) {
      if (this.#nulls === "tombstone") params[column.place] = null;
      return 0;
    }
    const param = this.#param(row, column, value);
    params[column.place] = param;
    return bytesOf(param);
  }

  #param(row: Row, { name, type }: Column, value: unknown): CellParam {
    try {
      return cellParam(value, type);
    } catch (error) {
      throw this.#refused(row, `column "${name}": ${messageOf(error)}`);
    }
  }

  #refuseUnknown(row: Row): void {
    const name = Object.keys(row).find((each) => !this.#byName.has(each));
    if (name !== undefined) throw this.#refused(row, `the table has no column "${name}"`);
  }

  #withoutKey(row: Row, { name }: Column): WriteError {
    return this.#refused(row, `"${name}" is part of the key and has no value`);
  }

  #refused(row: Row, why: string): WriteError {
    return new WriteError("poison", "E_SCYLLA_ROW", `${this.name(row)}: ${why}`);
  }
}

/** A text up to this length is taken for three bytes a character, the most that there can be: counting takes longer than the rest of the row's check. */
const SHORT_TEXT = 16;

/** With its length in front, or more. */
function bytesOf(param: CellParam): number {
  if (typeof param === "string") return 4 + (param.length <= SHORT_TEXT ? 3 * param.length : Buffer.byteLength(param));
  return typeof param === "object" && param !== null ? 4 + param.length : 12;
}
