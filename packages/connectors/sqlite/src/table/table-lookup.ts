import type { CallContext, Health, Key, Lookup, RuntimeContext } from "@millrace/core";
import { type Connection, openReader, type Statement } from "../file/database.js";
import { requireArgument, streamError, writeError } from "../file/error-forms.js";
import { FileFailure } from "../file/failure.js";
import { acquireFile, type FileHandle } from "../file/file-thread.js";
import { healthOf } from "../file/health.js";
import { misfit } from "./row-bytes.js";
import { readRow, type SqlRow } from "./row-values.js";
import { type ColumnType, selectSql } from "./table-plan.js";
import type { TableSettings } from "./table-settings.js";

/** Options of a table's `lookup()`. */
export interface TableLookupOptions<Q extends Key, V, R> {
  /** The key columns of a key. Needed where the key is of several columns; default: the key itself. */
  readonly key?: (key: Q) => Partial<R>;
  /** Makes the answer of a row. Default: the row. */
  readonly value?: (row: R) => V;
  /** The lookup's name. Default: the table's. */
  readonly name?: string;
}

/** Finds rows by key. A key of another type than its column is a miss: `1` does not find `"1"`. */
export function tableLookup<Q extends Key, V, R>(
  settings: TableSettings,
  options: TableLookupOptions<Q, V, R>,
): Lookup<Q, V> {
  const { plan } = settings;
  const { key } = options;
  requireArgument(
    key !== undefined || plan.key.length === 1,
    `sqliteTable "${plan.table}".lookup(): its key has ${plan.key.length} columns: say with key: (key) => ({ … }) what they are for a key`,
  );
  return new TableLookup(settings, options);
}

interface Opened {
  readonly handle: FileHandle;
  readonly db: Connection;
  readonly find: Statement;
  readonly context: RuntimeContext;
}

class TableLookup<Q extends Key, V, R> implements Lookup<Q, V> {
  readonly name: string;
  readonly #settings: TableSettings;
  readonly #options: TableLookupOptions<Q, V, R>;
  readonly #keyTypes: readonly ColumnType[];
  /** One object may be used at several places: the last to close it closes the file. */
  #users = 0;
  #opened: Promise<Opened> | undefined;

  constructor(settings: TableSettings, options: TableLookupOptions<Q, V, R>) {
    const { plan } = settings;
    this.name = options.name ?? plan.table;
    this.#settings = settings;
    this.#options = options;
    this.#keyTypes = plan.key.map((name) => plan.columns.find((column) => column.name === name)?.type ?? "TEXT");
  }

  async connect(context: RuntimeContext): Promise<void> {
    this.#users++;
    this.#opened ??= this.#open(context);
    try {
      await this.#opened;
    } catch (error) {
      this.#users = 0;
      this.#opened = undefined;
      throw streamError(error, this.#settings.path);
    }
  }

  async fetch(keys: readonly Q[], _context: CallContext): Promise<ReadonlyMap<Q, V>> {
    const { path, plan } = this.#settings;
    try {
      const opened = await this.#opened;
      if (opened === undefined)
        throw new FileFailure("E_SQLITE_FAILED", "fatal", `lookup "${this.name}" was asked before it was connected`);
      const found = new Map<Q, V>();
      // All of one moment, and each by the primary key.
      opened.db.transaction(() => {
        for (const key of keys) {
          const cells = this.#cells(key);
          const row = cells === undefined ? undefined : (opened.find.get(...cells) as SqlRow | undefined);
          if (row !== undefined) found.set(key, this.#answer(readRow(row, plan)));
        }
      })();
      return found;
    } catch (error) {
      throw writeError(error, path);
    }
  }

  async health(): Promise<Health> {
    const opened = await this.#opened?.catch(() => undefined);
    return opened === undefined
      ? { status: "down", detail: "not connected" }
      : healthOf(opened.handle, opened.context.clock);
  }

  async close(): Promise<void> {
    if (this.#users === 0 || --this.#users > 0) return;
    const opened = await this.#opened;
    this.#opened = undefined;
    opened?.db.close();
    await opened?.handle.release();
  }

  async #open(context: RuntimeContext): Promise<Opened> {
    const { path, plan } = this.#settings;
    const handle = await acquireFile(path);
    try {
      await handle.call("defineTable", { plan });
      const db = openReader(path);
      return { handle, db, find: db.prepare(selectSql(plan, "key")).safeIntegers(true), context };
    } catch (error) {
      await handle.release();
      throw error;
    }
  }

  /** What the key columns are compared with; undefined where no row can have this key. */
  #cells(key: Q): unknown[] | undefined {
    const { plan } = this.#settings;
    const columns = this.#options.key?.(key) as Record<string, unknown> | undefined;
    const cells: unknown[] = [];
    for (const [i, name] of plan.key.entries()) {
      const cell = columns === undefined ? key : columns[name];
      const type = this.#keyTypes[i] as ColumnType;
      if (misfit(cell, type) !== undefined) return undefined;
      cells.push(type === "INTEGER" ? BigInt(cell as number) : cell);
    }
    return cells;
  }

  #answer(row: SqlRow): V {
    const { value } = this.#options;
    return value === undefined ? (row as V) : value(row as R);
  }
}
