import {
  type BatchPolicy,
  type Duration,
  durationMs,
  type Health,
  type RuntimeContext,
  requireArgument,
  type Sink,
  type SinkConnection,
  type SinkWriter,
  WriteError,
} from "@millrace/core";
import pLimit from "p-limit";
import { type Consistency, consistencyOf } from "./consistency.js";
import type { CqlSession, Row } from "./cql-session.js";
import { openSession } from "./driver-session.js";
import { type Nulls, RowStatements } from "./row-statements.js";
import { checkConnection, type ScyllaConnection } from "./scylla-connection.js";
import { type SinkPlan, TableWriter } from "./sink-writer.js";
import { checkTableName, requireTable } from "./table-shape.js";
import { GrowingTime, type VersionContext, watchedVersion } from "./write-version.js";

/** Options of {@link scyllaSink}. */
export interface ScyllaSinkOptions<T> extends ScyllaConnection {
  readonly keyspace: string;
  readonly table: string;
  /** The row of a value: column → value. A column that is left out stays as it is. */
  readonly row: (value: T) => Row;
  /** Values whose row is deleted. Of their row only the key counts. */
  readonly remove?: (value: T) => boolean;
  /**
   * Which of two writes of a row is the newer one (USING TIMESTAMP). An older version never replaces a newer one, in whatever order they
   * come. "position": the place in the source. Without it the later write wins.
   */
  readonly version?: "position" | ((value: T, context: VersionContext) => number | bigint);
  /** How long a row lives, in whole seconds, at most 20 years; undefined: as the table says. */
  readonly ttl?: Duration | ((value: T) => Duration | undefined);
  /** What null does: "unset" (default) leaves the column as it is, "tombstone" deletes what was there. */
  readonly nulls?: Nulls;
  /** LOCAL_QUORUM. */
  readonly consistency?: Consistency;
  /** How many rows of a partition are in one request: at most 100, and 32 KB unless one is larger. */
  readonly requests?: { readonly rows?: number; readonly bytes?: number };
  /** Requests under way at once (64). */
  readonly concurrency?: number;
  /** Values the engine gives at once (1,024). */
  readonly batch?: BatchPolicy;
  /** The sink's name. Default: the table's. */
  readonly name?: string;
}

const BATCH: BatchPolicy = { size: 1_024 };
const ROWS = 100;
const BYTES = 32 * 1_024;
const CONCURRENCY = 64;
const MAX_TTL_SECONDS = 630_720_000;

/**
 * Rows of a table of ScyllaDB or Cassandra, by prepared statements, in unlogged batches of one partition. Written by key, so a replay
 * leaves the same contents; with `version` an older row never replaces a newer one either. A row that does not fit is named by its key and
 * goes to `onError`; the others are written.
 *
 * Fails at connect with `E_SCYLLA_AUTH`, `E_SCYLLA_DATACENTER`, `E_SCYLLA_CONNECTION`, `E_SCYLLA_TABLE`.
 *
 * @example
 * ```ts
 * import { from } from "@millrace/core";
 * import { scyllaSink } from "@millrace/scylla";
 * const scores = scyllaSink<{ id: string; score: number }>({
 *   contactPoints: ["127.0.0.1:9042"],
 *   keyspace: "app",
 *   table: "scores",
 *   row: ({ id, score }) => ({ citizen_id: id, score }),
 * });
 * await from([{ id: "ada", score: 7 }]).to(scores).run();
 * ```
 */
export function scyllaSink<T>(options: ScyllaSinkOptions<T>): Sink<T> {
  const what = `scyllaSink "${options.keyspace}.${options.table}"`;
  const { version, nulls = "unset" } = options;
  checkTableName(options, "scyllaSink");
  checkConnection(options, what);
  requireArgument(typeof options.row === "function", `${what}: row must be a function`);
  requireArgument(
    version === undefined || version === "position" || typeof version === "function",
    `${what}: version must be "position" or a function`,
  );
  requireArgument(nulls === "unset" || nulls === "tombstone", `${what}: nulls must be "unset" or "tombstone"`);
  const plan: SinkPlan<T> = {
    row: options.row,
    remove: options.remove,
    version,
    ttlSeconds: ttlOf(options.ttl, what),
    maxRows: wholeNumber(options.requests?.rows ?? ROWS, `${what}: requests.rows`),
    maxBytes: wholeNumber(options.requests?.bytes ?? BYTES, `${what}: requests.bytes`),
    call: { consistency: consistencyOf(options.consistency ?? "LOCAL_QUORUM", what) },
  };
  const concurrency = wholeNumber(options.concurrency ?? CONCURRENCY, `${what}: concurrency`);
  return {
    name: options.name ?? options.table,
    writes: version === undefined ? "idempotent" : "versioned",
    ...(version === undefined ? { metadata: false } : {}),
    batch: options.batch ?? BATCH,
    connect: async (context) => {
      const session = await openSession(options, what, context.logger);
      try {
        return await TableSinkConnection.open(session, options, plan, nulls, concurrency, context);
      } catch (error) {
        await session.close();
        throw error;
      }
    },
  };
}

class TableSinkConnection<T> implements SinkConnection<T> {
  readonly #session: CqlSession;
  readonly #writer: TableWriter<T>;

  private constructor(session: CqlSession, writer: TableWriter<T>) {
    this.#session = session;
    this.#writer = writer;
  }

  static async open<T>(
    session: CqlSession,
    { keyspace, table }: ScyllaSinkOptions<T>,
    plan: SinkPlan<T>,
    nulls: Nulls,
    concurrency: number,
    { clock, logger }: RuntimeContext,
  ): Promise<TableSinkConnection<T>> {
    const shape = await requireTable(session, { keyspace, table });
    const watched = watchedPlan(plan, shape.compaction, () =>
      logger.warn(
        `scyllaSink "${keyspace}.${table}": the table's compaction sorts by write time, which a version replaces, and the versions are no times in microseconds: expired rows are not dropped together. Use timeVersion(), or another compaction`,
      ),
    );
    const statements = new RowStatements(shape, nulls, plan.ttlSeconds !== undefined);
    // One clock and one limit for all tasks: they write one table by one client.
    const time = new GrowingTime(() => clock.now());
    return new TableSinkConnection(session, new TableWriter(session, statements, watched, time, pLimit(concurrency)));
  }

  async open(): Promise<SinkWriter<T>> {
    return this.#writer;
  }

  health(): Promise<Health> {
    return this.#session.health();
  }

  close(): Promise<void> {
    return this.#session.close();
  }
}

/** Positions are no times; of what a function gives, only its versions tell. */
function watchedPlan<T>(plan: SinkPlan<T>, compaction: string, warn: () => void): SinkPlan<T> {
  const { version } = plan;
  if (version === undefined || !compaction.endsWith("TimeWindowCompactionStrategy")) return plan;
  if (version !== "position") return { ...plan, version: watchedVersion(version, warn) };
  warn();
  return plan;
}

function wholeNumber(value: number, what: string): number {
  requireArgument(Number.isInteger(value) && value >= 1, `${what} must be a whole number from 1; it is ${value}`);
  return value;
}

function ttlOf<T>(
  ttl: Duration | ((value: T) => Duration | undefined) | undefined,
  what: string,
): SinkPlan<T>["ttlSeconds"] {
  if (ttl === undefined) return undefined;
  if (typeof ttl !== "function") {
    const seconds = durationMs(ttl, `${what}: ttl`) / 1_000;
    requireArgument(
      Number.isInteger(seconds) && seconds <= MAX_TTL_SECONDS,
      `${what}: ttl must be whole seconds, at most 20 years; it is ${JSON.stringify(ttl)}`,
    );
    return () => seconds;
  }
  return (value) => {
    const own = ttl(value);
    if (own === undefined) return undefined;
    // Rounded up: a row must not be gone before its time.
    const seconds = Math.ceil(durationMs(own, `${what}: ttl`) / 1_000);
    if (seconds > MAX_TTL_SECONDS)
      throw new WriteError("poison", "E_SCYLLA_ROW", `${what}: a ttl of ${seconds} s is more than 20 years`);
    return seconds;
  };
}
