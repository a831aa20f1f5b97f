import {
  type CallContext,
  type Health,
  type Key,
  type Lookup,
  type RuntimeContext,
  requireArgument,
  WriteError,
} from "@millrace/core";
import pLimit, { type LimitFunction } from "p-limit";
import { CellError, cellBytes } from "./cell-bytes.js";
import { type Consistency, consistencyOf } from "./consistency.js";
import type { BoundStatement, CqlSession, Row, TableShape } from "./cql-session.js";
import { openSession } from "./driver-session.js";
import { checkConnection, type ScyllaConnection } from "./scylla-connection.js";
import { classify } from "./scylla-errors.js";
import { checkTableName, columnType, primaryKeyOf, quoted, requireTable, tableText } from "./table-shape.js";

/** Options of {@link scyllaLookup} and {@link scyllaPartitionLookup}, whose `F` is a row, or all rows of a partition. */
export interface ScyllaLookupOptions<Q extends Key, V, F = Row> extends ScyllaConnection {
  readonly keyspace: string;
  readonly table: string;
  /** The key columns of a key. Default: the key itself, where one column is asked by. */
  readonly key?: (key: Q) => Row;
  /** Makes the answer of what was found. Default: that itself. */
  readonly value?: (found: F) => V;
  /** Which columns are read. Default: all. */
  readonly columns?: readonly string[];
  /** LOCAL_QUORUM. With LOCAL_ONE an answer can be older than what was written with LOCAL_QUORUM. */
  readonly consistency?: Consistency;
  /** Keys asked for at once (64). */
  readonly concurrency?: number;
  /** The lookup's name. Default: the table's. */
  readonly name?: string;
}

const CONCURRENCY = 64;
/** More rows of one partition are not looked up but scanned. */
const MAX_ROWS = 10_000;

/**
 * Finds rows by their primary key, for `lookup()`: one request a key, each to a host that has it (one for many partitions, by IN, makes a
 * single host ask all others). A key without a row is a miss, and so is one that does not fit its column. An answer is as new as the moment
 * it was asked for; what `lookup()` keeps of it (its `cache`) is as old as it says there.
 *
 * @example
 * ```ts
 * import { from } from "@millrace/core";
 * import { scyllaLookup } from "@millrace/scylla";
 * const citizens = scyllaLookup<string, string>({
 *   contactPoints: ["127.0.0.1:9042"],
 *   keyspace: "app",
 *   table: "citizens",
 *   value: (row) => String(row.name),
 * });
 * console.log(await from(["ada"]).lookup((id) => id, citizens, (id, name) => `${id}: ${name}`).collect());
 * ```
 */
export function scyllaLookup<Q extends Key, V = Row>(options: ScyllaLookupOptions<Q, V>): Lookup<Q, V> {
  return new TableLookup(options, "scyllaLookup", primaryKeyOf, ([row]) => row);
}

/**
 * Finds all rows of a partition, in their order, for `lookup()`: one request a key. A partition without rows is a miss; one of more than
 * 10,000 fails with `E_SCYLLA_TOO_MANY`. Otherwise as {@link scyllaLookup}.
 *
 * @example
 * ```ts
 * import { scyllaPartitionLookup } from "@millrace/scylla";
 * const rules = scyllaPartitionLookup<string, readonly string[]>({
 *   contactPoints: ["127.0.0.1:9042"],
 *   keyspace: "app",
 *   table: "rule_application_state",
 *   value: (rows) => rows.map((row) => String(row.rule_id)),
 * });
 * ```
 */
export function scyllaPartitionLookup<Q extends Key, V = readonly Row[]>(
  options: ScyllaLookupOptions<Q, V, readonly Row[]>,
): Lookup<Q, V> {
  return new TableLookup(
    options,
    "scyllaPartitionLookup",
    ({ partitionKey }) => partitionKey,
    (rows) => (rows.length === 0 ? undefined : rows),
  );
}

interface Opened {
  readonly session: CqlSession;
  readonly shape: TableShape;
  readonly query: string;
  readonly by: readonly string[];
}

class TableLookup<Q extends Key, V, F> implements Lookup<Q, V> {
  readonly name: string;
  readonly #options: ScyllaLookupOptions<Q, V, F>;
  readonly #what: string;
  readonly #by: (shape: TableShape) => readonly string[];
  readonly #pick: (rows: readonly Row[]) => F | undefined;
  readonly #consistency: number;
  readonly #limit: LimitFunction;
  /** One object may be used at several places: the last to close it closes the connection. */
  #users = 0;
  #opened: Promise<Opened> | undefined;

  constructor(
    options: ScyllaLookupOptions<Q, V, F>,
    role: string,
    by: (shape: TableShape) => readonly string[],
    pick: (rows: readonly Row[]) => unknown,
  ) {
    const { concurrency = CONCURRENCY } = options;
    this.#what = `${role} "${options.keyspace}.${options.table}"`;
    checkTableName(options, role);
    checkConnection(options, this.#what);
    requireArgument(
      Number.isInteger(concurrency) && concurrency >= 1,
      `${this.#what}: concurrency must be a whole number from 1; it is ${concurrency}`,
    );
    this.name = options.name ?? options.table;
    this.#options = options;
    this.#by = by;
    this.#pick = pick as (rows: readonly Row[]) => F | undefined;
    this.#consistency = consistencyOf(options.consistency ?? "LOCAL_QUORUM", this.#what);
    this.#limit = pLimit(concurrency);
  }

  async connect(context: RuntimeContext): Promise<void> {
    this.#users++;
    this.#opened ??= this.#open(context);
    try {
      await this.#opened;
    } catch (error) {
      this.#users = 0;
      this.#opened = undefined;
      throw error;
    }
  }

  async fetch(keys: readonly Q[], { signal }: CallContext): Promise<ReadonlyMap<Q, V>> {
    const opened = await this.#opened;
    if (opened === undefined)
      throw new WriteError("fatal", "E_SCYLLA_CONFIG", `${this.#what} was asked before it was connected`);
    const found = new Map<Q, V>();
    const { value } = this.#options;
    await Promise.all(
      [...new Set(keys)].map((key) =>
        this.#limit(async () => {
          if (signal.aborted) return;
          const picked = this.#pick(await this.#rows(opened, key));
          if (picked !== undefined) found.set(key, value === undefined ? (picked as unknown as V) : value(picked));
        }),
      ),
    );
    signal.throwIfAborted();
    return found;
  }

  async health(): Promise<Health> {
    const opened = await this.#opened?.catch(() => undefined);
    return opened === undefined ? { status: "down", detail: "not connected" } : opened.session.health();
  }

  async close(): Promise<void> {
    if (this.#users === 0 || --this.#users > 0) return;
    const opened = await this.#opened;
    this.#opened = undefined;
    await opened?.session.close();
  }

  async #open({ logger }: RuntimeContext): Promise<Opened> {
    const session = await openSession(this.#options, this.#what, logger);
    try {
      const shape = await requireTable(session, this.#options);
      const by = this.#by(shape);
      if (this.#options.key === undefined && by.length !== 1)
        throw new WriteError(
          "fatal",
          "E_SCYLLA_CONFIG",
          `${this.#what}: it is asked by ${by.join(", ")}: say with key: (key) => ({ … }) what they are for a key`,
        );
      for (const name of this.#options.columns ?? []) columnType(shape, name);
      const names = this.#options.columns ?? shape.columns.map(({ name }) => name);
      const where = by.map((name) => `${quoted(name)} = ?`).join(" AND ");
      const query = `SELECT ${names.map(quoted).join(", ")} FROM ${tableText(shape)} WHERE ${where}`;
      return { session, shape, query, by };
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  async #rows(opened: Opened, key: Q): Promise<readonly Row[]> {
    const statement = this.#statement(opened, key);
    if (statement === undefined) return [];
    const rows: Row[] = [];
    let pageState: string | undefined;
    do {
      const page = await this.#ask(opened, statement, pageState);
      for (const row of page.rows) rows.push(row);
      pageState = page.pageState;
      if (rows.length > MAX_ROWS)
        throw new WriteError("fatal", "E_SCYLLA_TOO_MANY", `${this.#what}: a partition has more than ${MAX_ROWS} rows`);
    } while (pageState !== undefined);
    return rows;
  }

  async #ask(
    { session }: Opened,
    statement: BoundStatement,
    pageState: string | undefined,
  ): ReturnType<CqlSession["execute"]> {
    try {
      return await session.execute(statement, {
        consistency: this.#consistency,
        ...(pageState === undefined ? {} : { pageState }),
      });
    } catch (error) {
      const { class: errorClass, code, message } = classify(error, "read");
      throw new WriteError(errorClass, code, `${this.#what}: ${message}`, { cause: error });
    }
  }

  /** Undefined where no row can have this key. */
  #statement({ shape, query, by }: Opened, key: Q): BoundStatement | undefined {
    const columns = this.#options.key?.(key);
    try {
      return {
        query,
        params: by.map((name) => cellBytes(columns === undefined ? key : columns[name], columnType(shape, name))),
      };
    } catch (error) {
      if (error instanceof CellError) return undefined;
      throw error;
    }
  }
}
