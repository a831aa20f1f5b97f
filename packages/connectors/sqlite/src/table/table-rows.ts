import { type Connection, inTransaction, quoted, type Statement } from "../file/database.js";
import { explain, type Failure, FileFailure } from "../file/failure.js";
import { unpackRows } from "./row-bytes.js";
import { createSql, type TablePlan, upsertSql } from "./table-plan.js";

export interface UpsertCall {
  readonly plan: TablePlan;
  readonly rows: Uint8Array;
}

/** A row that the table refused, by its place in the batch. */
export interface RefusedRow {
  readonly place: number;
  readonly failure: Failure;
}

interface ColumnRow {
  readonly name: string;
  readonly type: string;
  readonly pk: number;
}

/** Writes tables. Lives in the thread that owns the file. */
export class TableRows {
  readonly #db: Connection;
  readonly #path: string;
  readonly #upserts = new Map<string, Statement>();

  constructor(db: Connection, path: string) {
    this.#db = db;
    this.#path = path;
  }

  /** Makes the table, or checks the one that is there. `own`: no constraint but those that rows are checked for before they come here. */
  define(plan: TablePlan): { readonly own: boolean } {
    const sql = createSql(plan);
    if (this.#schemaOf(plan.table) === undefined)
      inTransaction(this.#db, () => {
        if (this.#schemaOf(plan.table) === undefined) this.#db.exec(sql);
      });
    checkTable(this.#db, this.#path, plan);
    const others = this.#db
      .prepare(
        "SELECT count(*) FROM sqlite_schema WHERE tbl_name = ? AND type IN ('index', 'trigger') AND sql IS NOT NULL",
      )
      .pluck();
    return { own: this.#schemaOf(plan.table) === sql && others.get(plan.table) === 0 };
  }

  /** Writes all rows but those the table refuses, in one transaction. */
  upsert(call: UpsertCall): RefusedRow[] {
    return inTransaction(this.#db, () => this.#collect(call));
  }

  /** Which rows the table would refuse. Nothing is written. */
  rehearse(call: UpsertCall): RefusedRow[] {
    let refused: RefusedRow[] = [];
    const undo = new Error("undo");
    try {
      inTransaction(this.#db, () => {
        refused = this.#collect(call);
        throw undo;
      });
    } catch (error) {
      if (error !== undo) throw error;
    }
    return refused;
  }

  /** Writes all rows inside the caller's transaction, or throws. */
  upsertInTransaction({ plan, rows }: UpsertCall): void {
    this.#write(plan, rows, (_place, error) => {
      const { code, class: errorClass, message } = explain(error, this.#path);
      throw new FileFailure(code, errorClass, `${message} (table "${plan.table}")`);
    });
  }

  #collect({ plan, rows }: UpsertCall): RefusedRow[] {
    const refused: RefusedRow[] = [];
    this.#write(plan, rows, (place, error) => {
      const failure = explain(error, this.#path);
      // A statement that breaks a constraint leaves the transaction as it was; anything else ends all of it.
      if (failure.class !== "poison" || !this.#db.inTransaction) throw error;
      refused.push({ place, failure });
    });
    return refused;
  }

  #write(plan: TablePlan, rows: Uint8Array, failed: (place: number, error: unknown) => void): void {
    const sql = upsertSql(plan);
    let statement = this.#upserts.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#upserts.set(sql, statement);
    }
    let place = 0;
    for (const row of unpackRows(rows, plan.columns.length)) {
      try {
        statement.run(...row);
      } catch (error) {
        failed(place, error);
      }
      place++;
    }
  }

  #schemaOf(table: string): string | undefined {
    return this.#db
      .prepare("SELECT sql FROM sqlite_schema WHERE name = ? COLLATE NOCASE AND type IN ('table', 'view')")
      .pluck()
      .get(table) as string | undefined;
  }
}

/** Refuses a table whose columns or key are others than the plan's. */
export function checkTable(db: Connection, path: string, plan: TablePlan): void {
  const found = db.pragma(`table_info(${quoted(plan.table)})`) as ColumnRow[];
  const differs = (why: string): FileFailure =>
    new FileFailure(
      "E_SQLITE_SCHEMA",
      "fatal",
      `table "${plan.table}" in ${path} ${why}: change the options, or migrate the table`,
    );
  if (found.length === 0) throw differs("is not there");
  const byName = new Map(found.map((column) => [column.name, column]));
  for (const { name, type } of plan.columns) {
    const column = byName.get(name);
    if (column === undefined) throw differs(`has no column "${name}"`);
    const affinity = affinityOf(column.type);
    if (affinity !== (type === "BIGINT" ? "INTEGER" : type))
      throw differs(`declares column "${name}" as ${column.type || "nothing"}, which is ${affinity} and not ${type}`);
  }
  const key = found
    .filter(({ pk }) => pk > 0)
    .sort((left, right) => left.pk - right.pk)
    .map(({ name }) => name);
  if (key.length !== plan.key.length || !plan.key.every((name) => key.includes(name)))
    throw differs(`has the primary key (${key.join(", ")}), not (${plan.key.join(", ")})`);
}

/** SQLite's own rules for what a declared type means. */
function affinityOf(declared: string): string {
  const type = declared.toUpperCase();
  if (type.includes("INT")) return "INTEGER";
  if (/CHAR|CLOB|TEXT/.test(type)) return "TEXT";
  if (type === "" || type.includes("BLOB")) return "BLOB";
  return /REAL|FLOA|DOUB/.test(type) ? "REAL" : "NUMERIC";
}
