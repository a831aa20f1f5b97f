import { type Duration, durationMs, messageOf, requireArgument, WriteError } from "@millrace/core";
import { cellBytes } from "./cell-bytes.js";
import { TYPES } from "./cell-type.js";
import type { BoundStatement, Row, TableShape } from "./cql-session.js";
import { keyText, primaryKeyOf, quoted, tableText } from "./table-shape.js";

/** Makes a row where there is none. */
export interface InsertIfNotExists {
  readonly insert: Row;
  readonly ttl?: Duration;
}

/**
 * Changes the row of `key` where all columns of `if` have these values; null is none, so that of a missing row all are null. One of them
 * must be changed by `set` (or be the event column): a condition that still holds afterwards could be met twice.
 */
export interface UpdateIf {
  readonly key: Row;
  readonly set: Row;
  readonly if: Row;
  readonly ttl?: Duration;
}

/** A part of a conditional write. */
export type ConditionalWrite = InsertIfNotExists | UpdateIf;

/** A conditional write, and how its row is read. */
export interface BoundCondition {
  readonly statement: BoundStatement;
  readonly read: BoundStatement;
  readonly partition: string;
}

/** Makes the statements of conditional writes; they are all marked with the event they are of. */
export class ConditionalStatements {
  readonly #shape: TableShape;
  readonly #key: readonly string[];
  readonly #eventColumn: string;
  readonly #select: string;
  readonly #where: string;

  constructor(shape: TableShape, eventColumn: string) {
    this.#shape = shape;
    this.#key = primaryKeyOf(shape);
    const column = shape.columns.find(({ name }) => name === eventColumn);
    if (column === undefined || this.#key.includes(eventColumn) || !isText(column.type.code))
      throw new WriteError(
        "fatal",
        "E_SCYLLA_SCHEMA",
        `table ${shape.keyspace}.${shape.table} must have a column "${eventColumn}" of type text, not in its key, for the id of the event that wrote a row last`,
      );
    this.#eventColumn = eventColumn;
    this.#where = this.#key.map((name) => `${quoted(name)} = ?`).join(" AND ");
    const names = shape.columns.map(({ name }) => quoted(name)).join(", ");
    this.#select = `SELECT ${names} FROM ${tableText(shape)} WHERE ${this.#where}`;
  }

  bind(write: ConditionalWrite, event: string): BoundCondition {
    return "insert" in write ? this.#insert(write, event) : this.#update(write, event);
  }

  /** Whether it can not be met a second time once it was. */
  isOnce(write: ConditionalWrite, event: string): boolean {
    if ("insert" in write) return true;
    const after: Row = { ...write.set, [this.#eventColumn]: event };
    return Object.entries(write.if).some(
      ([name, value]) => Object.hasOwn(after, name) && !this.#equal(name, value, after[name]),
    );
  }

  read(key: Row): BoundStatement {
    return { query: this.#select, params: this.#key.map((name) => this.#bytes(key, name, key[name])) };
  }

  name(key: Row): string {
    return `row ${keyText(this.#key, key)} of ${this.#shape.keyspace}.${this.#shape.table}`;
  }

  #insert({ insert, ttl }: InsertIfNotExists, event: string): BoundCondition {
    const row: Row = { ...insert, [this.#eventColumn]: event };
    const names = Object.keys(row).filter((name) => row[name] !== undefined && row[name] !== null);
    const columns = names.map(quoted).join(", ");
    const marks = names.map(() => "?").join(", ");
    const query = `INSERT INTO ${tableText(this.#shape)} (${columns}) VALUES (${marks}) IF NOT EXISTS${ttl === undefined ? "" : " USING TTL ?"}`;
    const params = names.map((name) => this.#bytes(row, name, row[name]));
    if (ttl !== undefined) params.push(ttlBytes(ttl));
    return this.#bound(query, params, row);
  }

  #update({ key, set, if: condition, ttl }: UpdateIf, event: string): BoundCondition {
    const after: Row = { ...set, [this.#eventColumn]: event };
    const names = Object.keys(after).filter((name) => after[name] !== undefined);
    const conditions = Object.keys(condition);
    requireArgument(conditions.length > 0, `updateIf: ${this.name(key)}: there is no condition`);
    const assigned = names.map((name) => `${quoted(name)} = ?`).join(", ");
    const conditionText = conditions.map((name) => `${quoted(name)} = ?`).join(" AND ");
    const query = `UPDATE ${tableText(this.#shape)}${ttl === undefined ? "" : " USING TTL ?"} SET ${assigned} WHERE ${this.#where} IF ${conditionText}`;
    const params = [
      ...(ttl === undefined ? [] : [ttlBytes(ttl)]),
      ...names.map((name) => this.#bytesOrNull(key, name, after[name])),
      ...this.#key.map((name) => this.#bytes(key, name, key[name])),
      ...conditions.map((name) => this.#bytesOrNull(key, name, condition[name] ?? null)),
    ];
    return this.#bound(query, params, key);
  }

  #bound(query: string, params: BoundStatement["params"], key: Row): BoundCondition {
    const read = this.read(key);
    const partition = this.#shape.partitionKey
      .map((name) => Buffer.from(read.params[this.#key.indexOf(name)] as Uint8Array).toString("hex"))
      .join(".");
    return { statement: { query, params }, read, partition };
  }

  #equal(name: string, left: unknown, right: unknown): boolean {
    const [one, other] = [left, right].map((value) => this.#bytesOrNull({}, name, value ?? null));
    return one === null || other === null || one === undefined || other === undefined
      ? one === other
      : Buffer.compare(one, other) === 0;
  }

  #bytesOrNull(key: Row, name: string, value: unknown): Uint8Array | null {
    return value === null ? null : this.#bytes(key, name, value);
  }

  #bytes(key: Row, name: string, value: unknown): Uint8Array {
    const column = this.#shape.columns.find((each) => each.name === name);
    if (column === undefined)
      throw new WriteError("poison", "E_SCYLLA_ROW", `${this.name(key)}: the table has no column "${name}"`);
    try {
      return cellBytes(value, column.type);
    } catch (error) {
      throw new WriteError("poison", "E_SCYLLA_ROW", `${this.name(key)}: column "${name}": ${messageOf(error)}`);
    }
  }
}

function isText(code: number): boolean {
  return code === TYPES.text || code === TYPES.varchar || code === TYPES.ascii;
}

function ttlBytes(ttl: Duration): Uint8Array {
  return cellBytes(Math.ceil(durationMs(ttl, "ttl") / 1_000), { code: TYPES.int });
}
