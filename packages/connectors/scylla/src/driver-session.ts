import { type Health, type Logger, messageOf, WriteError } from "@millrace/core";
import cassandra, { type Client, type types as driverTypes, type QueryOptions } from "cassandra-driver";
import { BatchTexts } from "./batch-texts.js";
import { type CellType, TYPES } from "./cell-type.js";
import type {
  Answer,
  BoundStatement,
  CallOptions,
  CqlSession,
  Page,
  Row,
  TableColumn,
  TableShape,
} from "./cql-session.js";
import { DriverLog } from "./driver-log.js";
import { isPlain, plainCell } from "./plain-cell.js";
import { buildClient, checkConnection, type ScyllaConnection } from "./scylla-connection.js";
import { classify, isUnprepared } from "./scylla-errors.js";

type ResultSet = driverTypes.ResultSet;

/** Its declarations want arrays that it could change. */
type BatchQueries = Parameters<Client["batch"]>[0];

const BIGINT: CellType = { code: TYPES.bigint };

/** So many different warnings of the server are told. */
const MAX_WARNINGS = 20;
/** Longer, a warning is a list of keys. */
const MAX_WARNING_LENGTH = 300;

/** Connects by cassandra-driver. Fails at once where the login, the datacenter or the hosts are wrong. */
export async function openSession(connection: ScyllaConnection, what: string, logger: Logger): Promise<CqlSession> {
  const timeoutMs = checkConnection(connection, what);
  const own = connection.client === undefined;
  const client = connection.client ?? buildClient(connection, timeoutMs);
  const teller = new DriverLog(logger);
  const log = (level: string, source: string, message: unknown): void => teller.tell(level, `${source}: ${message}`);
  client.on("log", log);
  try {
    await client.connect();
  } catch (error) {
    client.removeListener("log", log);
    if (own) await client.shutdown().catch(() => {});
    const { class: errorClass, code, message } = classify(error, "read");
    throw new WriteError(errorClass, code, `${what}: ${message}`, { cause: error });
  }
  return new DriverSession(client, timeoutMs, logger, async () => {
    client.removeListener("log", log);
    if (own) await client.shutdown();
  });
}

class DriverSession implements CqlSession {
  readonly #client: Client;
  readonly #timeoutMs: number;
  readonly #logger: Logger;
  readonly #end: () => Promise<void>;
  readonly #warnings = new Set<string>();
  readonly #batchTexts = new BatchTexts();
  /** The engine tries again, and nobody else: twice is more than it says. */
  readonly #noRetry = new cassandra.policies.retry.FallthroughRetryPolicy();
  #closing: Promise<void> | undefined;

  constructor(client: Client, timeoutMs: number, logger: Logger, end: () => Promise<void>) {
    this.#client = client;
    this.#timeoutMs = timeoutMs;
    this.#logger = logger;
    this.#end = end;
  }

  async execute(statement: BoundStatement, options: CallOptions): Promise<Answer> {
    return answerOf(await this.#execute(statement, options));
  }

  async page(statement: BoundStatement, options: CallOptions): Promise<Page> {
    const { rows = [], columns, pageState } = await this.#execute(statement, options);
    const [token, ...own] = columns ?? [];
    const makeRow = rowMaker(own);
    return {
      size: rows.length,
      row: (i) => makeRow(rows[i]),
      token: (i) => plainCell((rows[i] as Record<string, unknown>)[token?.name ?? ""], BIGINT) as bigint,
      pageState: pageState ?? undefined,
    };
  }

  async batch(statements: readonly BoundStatement[], options: CallOptions): Promise<Answer> {
    // Of conditions the answer counts, whose form depends on how the batch was sent.
    const joined = options.serialConsistency === undefined ? this.#batchTexts.joined(statements) : undefined;
    if (joined !== undefined) return this.execute(joined, options);
    const result = await this.#prepared((suffix) =>
      this.#client.batch(
        // It reads the text and the values, and keeps none of them.
        (suffix === ""
          ? statements
          : statements.map(({ query, params }) => ({ query: query + suffix, params }))) as BatchQueries,
        this.#options(options),
      ),
    );
    return answerOf(result);
  }

  async shape(keyspace: string, table: string): Promise<TableShape | undefined> {
    const found = await this.#client.metadata.getTable(keyspace, table);
    if (found === null || found === undefined) return undefined;
    return {
      keyspace,
      table,
      columns: found.columns.map(columnOf),
      partitionKey: found.partitionKeys.map(({ name }) => name),
      clusteringKey: found.clusteringKeys.map(({ name }) => name),
      compaction: found.compactionClass,
    };
  }

  ring(): readonly bigint[] {
    return [...(this.#client.metadata.getTokenRanges() ?? [])].map(({ end }) => BigInt(String(end)));
  }

  reachable(): boolean {
    return this.#client.hosts.values().some((host) => host.isUp());
  }

  async health(): Promise<Health> {
    const began = performance.now();
    try {
      await this.execute({ query: "SELECT release_version FROM system.local", params: [] }, { consistency: 0x01 });
    } catch (error) {
      return { status: "down", latencyMs: performance.now() - began, detail: classify(error, "read").message };
    }
    const hosts = this.#client.hosts.values();
    const down = hosts.filter((host) => !host.isUp()).map(({ address }) => address);
    const latencyMs = performance.now() - began;
    if (down.length === 0) return { status: "up", latencyMs };
    return { status: "degraded", latencyMs, detail: `${down.length} of ${hosts.length} hosts are down: ${down}` };
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  #execute({ query, params }: BoundStatement, options: CallOptions): Promise<ResultSet> {
    return this.#prepared((suffix) =>
      this.#client.execute(query + suffix, params as unknown[], this.#options(options)),
    );
  }

  /** A statement that can not be prepared again is prepared anew, under another text: so the server says why, or it works. */
  async #prepared(call: (suffix: "" | " ") => Promise<ResultSet>): Promise<ResultSet> {
    let result: ResultSet;
    try {
      result = await call("");
    } catch (error) {
      if (!isUnprepared(error)) throw error;
      result = await call(" ");
    }
    for (const warning of result.info.warnings ?? []) this.#warn(warning);
    return result;
  }

  /** All of them each time, undefined where not given: the driver looks for each in every request, and is slow with objects of many shapes. */
  #options({ consistency, serialConsistency, timestamp, pageSize, pageState, near }: CallOptions): QueryOptions {
    return {
      prepare: true,
      logged: false,
      consistency,
      readTimeout: this.#timeoutMs,
      retry: this.#noRetry,
      isIdempotent: false,
      autoPage: false,
      serialConsistency,
      timestamp,
      fetchSize: pageSize,
      pageState,
      // Tokens and undefined are what the driver takes, and its declarations do not say.
      routingKey: near === undefined ? undefined : this.#token(near),
    } as QueryOptions;
  }

  #token(value: bigint): unknown {
    try {
      return (this.#client.metadata as unknown as { newToken(text: string): unknown }).newToken(String(value));
    } catch (error) {
      this.#warn(`the ring is not known, so replicas are not asked directly: ${messageOf(error)}`);
      return undefined;
    }
  }

  #warn(text: string): void {
    const short = text.slice(0, MAX_WARNING_LENGTH);
    // The numbers in it differ from one time to the next.
    const kind = short.replace(/\d+/g, "#");
    if (this.#warnings.has(kind) || this.#warnings.size >= MAX_WARNINGS) return;
    this.#warnings.add(kind);
    this.#logger.warn(`the server warns: ${short}`);
  }
}

/** Its declarations leave `isStatic` out. */
function columnOf(column: { readonly name: string; readonly type: unknown; readonly isStatic?: boolean }): TableColumn {
  const { name, type, isStatic = false } = column;
  return { name, type: type as CellType, isStatic };
}

function answerOf({ rows = [], columns, pageState }: ResultSet): Answer {
  const makeRow = rowMaker(columns ?? []);
  return { rows: rows.map(makeRow), pageState: pageState ?? undefined };
}

function rowMaker(columns: readonly { readonly name: string; readonly type: unknown }[]): (row: unknown) => Row {
  const types = columns.map(({ name, type }) => ({ name, type: type as CellType, ready: isPlain(type as CellType) }));
  return (row) => {
    const given = row as Record<string, unknown>;
    const plain: Record<string, unknown> = {};
    for (const { name, type, ready } of types) plain[name] = ready ? given[name] : plainCell(given[name], type);
    return plain;
  };
}
