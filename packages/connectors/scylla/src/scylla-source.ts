import {
  type Clock,
  type Health,
  type Position,
  requireArgument,
  type Source,
  type SourceConnection,
  type SourceReader,
  StreamError,
} from "@millrace/core";
import pLimit from "p-limit";
import { type Consistency, consistencyOf } from "./consistency.js";
import type { CqlSession, Row, TableShape } from "./cql-session.js";
import { openSession } from "./driver-session.js";
import { comparePlaces, readPlace } from "./scan-position.js";
import { checkConnection, type ScyllaConnection } from "./scylla-connection.js";
import { type ScanPlan, SplitReader, TOKEN_COLUMN } from "./split-reader.js";
import { checkTableName, columnType, plainText, primaryKeyOf, quoted, requireTable, tableText } from "./table-shape.js";
import { splitRing, type TokenRange } from "./token-splits.js";

/** Options of {@link scyllaSource}. */
export interface ScyllaSourceOptions<T> extends ScyllaConnection {
  readonly keyspace: string;
  readonly table: string;
  /** Makes the value of a row. What it throws goes to the first `onError` below. */
  readonly row: (row: Row) => T;
  /** Which columns are read, beside those of the primary key. Default: all. */
  readonly columns?: readonly string[];
  /** Parts of the token ring, which are the source's partitions (16, at most 4,096). It can not change between a run and its continuation. */
  readonly splits?: number;
  /** Rows of a page (500); each split holds one while what is below is full. */
  readonly pageSize?: number;
  /** Pages asked for at once (8). */
  readonly concurrency?: number;
  /** LOCAL_QUORUM. */
  readonly consistency?: Consistency;
  /** The source's name. Default: the table's. */
  readonly name?: string;
}

const SPLITS = 16;
const MAX_SPLITS = 4_096;
const PAGE_SIZE = 500;
const CONCURRENCY = 8;
/** So long a scan waits for a host that is back. */
const PATIENCE_MS = 60_000;
const LOOK_EVERY_MS = 200;

/**
 * All rows of a table once, by token range, several at a time. It ends when all are read, and resumes at the page where it was. Rows that
 * are written meanwhile may be in it or not, by where they lie; each row is of the time when its page was read.
 *
 * Fails at connect with `E_SCYLLA_AUTH`, `E_SCYLLA_DATACENTER`, `E_SCYLLA_CONNECTION`, `E_SCYLLA_TABLE`.
 *
 * @example
 * ```ts
 * import { from } from "@millrace/core";
 * import { scyllaSource } from "@millrace/scylla";
 * const archive = scyllaSource({
 *   contactPoints: ["127.0.0.1:9042"],
 *   keyspace: "app",
 *   table: "events_archive",
 *   row: (row) => ({ citizen: String(row.citizen_id), delta: Number(row.score_delta) }),
 * });
 * console.log(await from(archive).collect());
 * ```
 */
export function scyllaSource<T>(options: ScyllaSourceOptions<T>): Source<T> {
  const what = `scyllaSource "${options.keyspace}.${options.table}"`;
  const { splits = SPLITS, pageSize = PAGE_SIZE, concurrency = CONCURRENCY } = options;
  checkTableName(options, "scyllaSource");
  checkConnection(options, what);
  requireArgument(typeof options.row === "function", `${what}: row must be a function`);
  for (const [name, value, most] of [
    ["splits", splits, MAX_SPLITS],
    ["pageSize", pageSize, 100_000],
    ["concurrency", concurrency, 1_024],
  ] as const)
    requireArgument(
      Number.isInteger(value) && value >= 1 && value <= most,
      `${what}: ${name} must be a whole number from 1 to ${most}; it is ${value}`,
    );
  const call = { consistency: consistencyOf(options.consistency ?? "LOCAL_QUORUM", what), pageSize };
  return {
    name: options.name ?? options.table,
    bounded: true,
    connect: async ({ logger, clock }) => {
      const session = await openSession(options, what, logger);
      try {
        const shape = await requireTable(session, options);
        const key = primaryKeyOf(shape);
        const plan: ScanPlan<T> = {
          session,
          ...queriesOf(shape, options.columns),
          row: options.row,
          offset: (row) => JSON.stringify(key.map((name) => plainText(row[name]))),
          call,
          limit: pLimit(concurrency),
          table: `${options.keyspace}.${options.table}`,
          reachable: (over) => untilReachable(session, clock, over),
        };
        return new ScanConnection(session, plan, splitRing(splits));
      } catch (error) {
        await session.close();
        throw error;
      }
    },
  };
}

class ScanConnection<T> implements SourceConnection<T> {
  readonly #session: CqlSession;
  readonly #plan: ScanPlan<T>;
  readonly #splits: readonly TokenRange[];
  readonly #readers = new Set<SplitReader<T>>();

  constructor(session: CqlSession, plan: ScanPlan<T>, splits: readonly TokenRange[]) {
    this.#session = session;
    this.#plan = plan;
    this.#splits = splits;
  }

  subscribe(listener: Parameters<SourceConnection<T>["subscribe"]>[0]): Promise<void> {
    return listener.assigned(
      this.#splits.map((_, i) => String(i)),
      1,
    );
  }

  async open(partition: string, position: Position | undefined): Promise<SourceReader<T>> {
    const range = this.#splits[Number(partition)];
    if (range === undefined)
      throw new StreamError(
        "E_SCYLLA_POSITION",
        `${this.#plan.table}: there is no split ${partition}: the scan has ${this.#splits.length}. splits can not change between a run and its continuation`,
      );
    const place = position === undefined ? undefined : readPlace(position);
    if (place !== undefined && (place.done < range.after || place.done > range.upTo))
      throw new StreamError(
        "E_SCYLLA_POSITION",
        `${this.#plan.table}: position ${position} is not in split ${partition} of ${this.#splits.length}. splits can not change between a run and its continuation`,
      );
    const reader = new SplitReader(this.#plan, range, place);
    this.#readers.add(reader);
    return reader;
  }

  comparePositions(left: Position, right: Position): number {
    return comparePlaces(left, right);
  }

  partitionCount(): number {
    return this.#splits.length;
  }

  health(): Promise<Health> {
    return this.#session.health();
  }

  async close(): Promise<void> {
    for (const reader of this.#readers) await reader.close();
    await this.#session.close();
  }
}

function queriesOf(
  shape: TableShape,
  columns: readonly string[] | undefined,
): { readonly query: string; readonly firstQuery: string } {
  for (const name of columns ?? []) columnType(shape, name);
  const names = columns ?? shape.columns.map(({ name }) => name);
  const selected = [...new Set([...primaryKeyOf(shape), ...names])].map(quoted).join(", ");
  const token = `token(${shape.partitionKey.map(quoted).join(", ")})`;
  const query = (above: ">" | ">="): string =>
    `SELECT ${token} AS ${TOKEN_COLUMN}, ${selected} FROM ${tableText(shape)} WHERE ${token} ${above} ? AND ${token} <= ?`;
  return { query: query(">"), firstQuery: query(">=") };
}

/** A host that is down answers nothing: asking it again and again would only use up the tries of the engine. */
async function untilReachable(session: CqlSession, clock: Clock, over: () => boolean): Promise<void> {
  const giveUpAt = clock.now() + PATIENCE_MS;
  while (!over() && !session.reachable() && clock.now() < giveUpAt)
    await new Promise<void>((resolve) => {
      clock.schedule(clock.now() + LOOK_EVERY_MS, resolve);
    });
}
