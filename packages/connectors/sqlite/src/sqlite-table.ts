import type { Key, Lookup, Sink } from "@millrace/core";
import { openReader } from "./file/database.js";
import { requireArgument, streamError } from "./file/error-forms.js";
import { acquireFile, type FileHandle } from "./file/file-thread.js";
import { realPathOf, systemOf } from "./file/path.js";
import { readRow, type SqlRow } from "./table/row-values.js";
import { type TableLookupOptions, tableLookup } from "./table/table-lookup.js";
import { type ColumnType, selectSql, type TablePlan } from "./table/table-plan.js";
import type { TableSettings } from "./table/table-settings.js";
import { type TableSinkOptions, tableSink } from "./table/table-sink.js";
import { DEFAULT_MAX_BUFFER } from "./topic/topic-settings.js";

/** The columns of a table: name → type. */
export type TableColumns = Readonly<Record<string, ColumnType>>;

/** What a column holds in JavaScript. */
export type ColumnValue<C extends ColumnType> = C extends "TEXT"
  ? string
  : C extends "BIGINT"
    ? bigint
    : C extends "BLOB"
      ? Uint8Array
      : number;

/** A row: a value for each column; null stands for none, which the columns `K` of the key do not take. */
export type TableRow<C extends TableColumns, K extends keyof C = never> = {
  readonly [Name in keyof C]: ColumnValue<C[Name]> | (Name extends K ? never : null);
};

/** What a key of one column is in JavaScript. */
export type ColumnKey<C extends TableColumns, K extends keyof C> = Extract<ColumnValue<C[K]>, Key>;

/** Options of {@link sqliteTable}. */
export interface SqliteTableOptions<C extends TableColumns, K extends keyof C & string> {
  /** Path of the database file. Its directory must exist; the file is made if it is not there. */
  readonly file: string;
  /** Name of the table. One that is there must have these columns and this primary key. */
  readonly table: string;
  /** TEXT: string · INTEGER: whole number up to 2^53 − 1 · BIGINT: bigint · REAL: number · BLOB: Uint8Array. */
  readonly columns: C;
  /** The column or columns that make the primary key. */
  readonly key: K | readonly K[];
  /** A column that grows with each change of a row: a row is replaced only by one with a larger version. */
  readonly version?: keyof C & string;
  /** How many bytes a transactional sink holds between two checkpoints (256 MB). */
  readonly maxBuffer?: number;
}

/** A table in a SQLite file. */
export interface SqliteTable<C extends TableColumns, K extends keyof C = never> {
  /** The absolute path of the file. */
  readonly file: string;
  readonly table: string;
  /** Writes a row for each value: inserted, or in place of the one with its key. */
  sink<T>(options: TableSinkOptions<T, TableRow<C, K>>): Sink<T>;
  /** Finds rows by key, for `lookup()`. A key that is not one column needs `key`. */
  lookup<Q extends Key = ColumnKey<C, K>, V = TableRow<C, K>>(
    options?: TableLookupOptions<Q, V, TableRow<C, K>>,
  ): Lookup<Q, V>;
  /** All rows, in key order; none where the table is not there yet. For tests and small tables. */
  rows(): Promise<readonly TableRow<C, K>[]>;
}

/**
 * A table in a SQLite file as a sink and a lookup. Rows are written by key, so a replay changes nothing; with `version` neither does an
 * older row that comes late. With `sqliteCheckpoints` in the same file it is exactly-once. Throws `E_ARGUMENT` at the call; opens
 * nothing before it is used.
 *
 * @example
 * ```ts
 * import { from } from "@millrace/core";
 * import { sqliteTable } from "@millrace/sqlite";
 * const scores = sqliteTable({ file: "app.db", table: "scores", columns: { citizen: "TEXT", score: "INTEGER" }, key: "citizen" });
 * await from([{ id: "ada", points: 7 }]).to(scores.sink({ row: ({ id, points }) => ({ citizen: id, score: points }) })).run();
 * console.log(await scores.rows());
 * ```
 */
export function sqliteTable<const C extends TableColumns, K extends keyof C & string>(
  options: SqliteTableOptions<C, K>,
): SqliteTable<C, K> {
  const plan = planTable(options);
  const path = realPathOf(options.file);
  const settings: TableSettings = {
    path,
    system: systemOf(path),
    plan,
    maxBuffer: options.maxBuffer ?? DEFAULT_MAX_BUFFER,
  };
  return {
    file: path,
    table: plan.table,
    sink: (sinkOptions) => tableSink(settings, sinkOptions),
    lookup: (lookupOptions) => tableLookup(settings, lookupOptions ?? {}),
    rows: async () => {
      let handle: FileHandle | undefined;
      try {
        handle = await acquireFile(path);
        await handle.call("defineTable", { plan });
        return readAll(path, plan) as TableRow<C, K>[];
      } catch (error) {
        throw streamError(error, path);
      } finally {
        await handle?.release();
      }
    },
  };
}

function readAll(path: string, plan: TablePlan): SqlRow[] {
  const db = openReader(path);
  try {
    const rows = db.prepare(selectSql(plan, "all")).safeIntegers(true).all() as SqlRow[];
    return rows.map((row) => readRow(row, plan));
  } finally {
    db.close();
  }
}

const TYPES: readonly ColumnType[] = ["TEXT", "INTEGER", "BIGINT", "REAL", "BLOB"];

function planTable<C extends TableColumns, K extends keyof C & string>({
  table,
  columns,
  key,
  version,
  maxBuffer,
}: SqliteTableOptions<C, K>): TablePlan {
  const what = `sqliteTable ${JSON.stringify(table)}`;
  requireName(table, "table");
  requireArgument(
    !/^(sqlite|millrace)_/i.test(table),
    `${what}: names that begin with "sqlite_" or "millrace_" are taken`,
  );
  requireArgument(
    maxBuffer === undefined || (Number.isSafeInteger(maxBuffer) && maxBuffer > 0),
    `${what}: maxBuffer must be a whole number of bytes above zero; it is ${maxBuffer}`,
  );
  const names = Object.keys(columns);
  requireArgument(
    names.length > 0 && names.length <= 1_000,
    `${what}: columns must name 1 to 1,000 columns; it names ${names.length}`,
  );
  const folded = new Set<string>();
  for (const name of names) {
    requireName(name, `${what}: a column`);
    requireArgument(
      !folded.has(name.toLowerCase()),
      `${what}: two columns are called "${name}": SQLite does not tell upper from lower case`,
    );
    folded.add(name.toLowerCase());
    requireArgument(
      TYPES.includes(columns[name] as ColumnType),
      `${what}: column "${name}" must be of ${TYPES.join(", ")}; it is ${JSON.stringify(columns[name])}`,
    );
  }
  const keys: readonly string[] = typeof key === "string" ? [key] : key;
  requireArgument(
    Array.isArray(keys) &&
      keys.length > 0 &&
      new Set(keys).size === keys.length &&
      keys.every((name) => Object.hasOwn(columns, name)),
    `${what}: key must name one or more of the columns, each once; it is ${JSON.stringify(key)}`,
  );
  requireArgument(
    version === undefined ||
      (Object.hasOwn(columns, version) && !keys.includes(version) && columns[version] !== "BLOB"),
    `${what}: version must name a column of text or numbers that is not in the key; it is ${JSON.stringify(version)}`,
  );
  return { table, columns: names.map((name) => ({ name, type: columns[name] as ColumnType })), key: keys, version };
}

function requireName(name: unknown, what: string): void {
  requireArgument(
    typeof name === "string" && name !== "" && name.length <= 200 && !name.includes("\0"),
    `sqliteTable: ${what} must have a name of 1 to 200 characters without NUL; it is ${JSON.stringify(name)}`,
  );
}
