import { requireArgument, StreamError, WriteError } from "@millrace/core";
import { cellBytes } from "./cell-bytes.js";
import { TYPES } from "./cell-type.js";
import type { Answer, CqlSession, Row } from "./cql-session.js";
import { openSession } from "./driver-session.js";
import { type World, worldOf } from "./outside-world.js";
import { tableDifferences } from "./schema-differences.js";
import type { ScyllaConnection } from "./scylla-connection.js";
import { classify } from "./scylla-errors.js";
import { checkName, quoted } from "./table-shape.js";
import { checkTableSpec, cqlMap, createTable, type TableSpec } from "./table-spec.js";

/** A keyspace with its tables, as they should be. */
export interface SchemaSpec {
  readonly keyspace: string;
  /** Copies by datacenter, such as `{ datacenter1: 3 }`. Needed to make the keyspace; one that is there is not looked at. */
  readonly replication?: Readonly<Record<string, number>>;
  /** ScyllaDB only: whether a new keyspace uses tablets (false: conditional writes need one without, up to 2025.3). */
  readonly tablets?: boolean;
  readonly tables: readonly TableSpec[];
  /** What is not as it should be: "fail" (default) throws `E_SCYLLA_SCHEMA`, "report" only says so. Nothing is altered. */
  readonly onDifference?: "fail" | "report";
}

/** What was made, and what was found to be different. */
export interface SchemaReport {
  readonly created: readonly string[];
  readonly differences: readonly { readonly table: string; readonly difference: string }[];
}

const ONE = 0x01;

/**
 * Makes a keyspace and its tables where they are not there. What is there is compared and never altered: a table that differs is told. Can
 * be called by several processes at once, and again.
 *
 * @example
 * ```ts
 * import { ensureSchema } from "@millrace/scylla";
 * await ensureSchema({ contactPoints: ["127.0.0.1:9042"] }, {
 *   keyspace: "app",
 *   replication: { datacenter1: 3 },
 *   tables: [
 *     {
 *       name: "events_archive",
 *       columns: { citizen_id: "text", month: "text", at: "timestamp", event_id: "text", payload: "text" },
 *       partitionKey: ["citizen_id", "month"],
 *       clustering: { at: "desc", event_id: "asc" },
 *       ttl: "1825d",
 *       compaction: { window: "60d" },
 *     },
 *   ],
 * });
 * ```
 */
export async function ensureSchema(
  connection: ScyllaConnection,
  spec: SchemaSpec,
  world?: Partial<World>,
): Promise<SchemaReport> {
  checkName(spec.keyspace, "ensureSchema: keyspace");
  for (const table of spec.tables) checkTableSpec(table);
  const { logger } = worldOf(world);
  const session = await openSession(connection, `ensureSchema "${spec.keyspace}"`, logger);
  try {
    const report = await applySchema(session, spec);
    if (report.differences.length === 0) return report;
    const text = report.differences.map(({ table, difference }) => `${table}: ${difference}`).join("; ");
    if (spec.onDifference === "report") logger.warn(`ensureSchema "${spec.keyspace}": ${text}`);
    else
      throw new StreamError(
        "E_SCYLLA_SCHEMA",
        `keyspace "${spec.keyspace}" is not as it should be, and is not altered: ${text}. Alter it, or take onDifference: "report"`,
      );
    return report;
  } finally {
    await session.close();
  }
}

/** Makes what is missing and finds what is different. */
export async function applySchema(session: CqlSession, spec: SchemaSpec): Promise<SchemaReport> {
  const schema = new Schema(session);
  const { keyspace, tables } = spec;
  const created: string[] = [];
  if (await schema.makeKeyspace(spec)) created.push(keyspace);
  const differences: { table: string; difference: string }[] = [];
  for (const table of tables) {
    let found = await schema.table(keyspace, table.name);
    if (found === undefined) {
      await schema.run(createTable(keyspace, table));
      created.push(`${keyspace}.${table.name}`);
      // Another process may have been faster, with another idea of it.
      found = await schema.table(keyspace, table.name);
    }
    if (found === undefined) continue;
    for (const difference of tableDifferences(table, found, await schema.columns(keyspace, table.name)))
      differences.push({ table: table.name, difference });
  }
  return { created, differences };
}

/** Reads the server's own tables: what the client keeps of them may be old. */
class Schema {
  readonly #session: CqlSession;

  constructor(session: CqlSession) {
    this.#session = session;
  }

  async makeKeyspace({ keyspace, replication, tablets = false }: SchemaSpec): Promise<boolean> {
    const { rows } = await this.run("SELECT * FROM system_schema.keyspaces WHERE keyspace_name = ?", keyspace);
    if (rows.length > 0) return false;
    requireArgument(
      replication !== undefined && Object.keys(replication).length > 0,
      `ensureSchema: keyspace "${keyspace}" is not there: say with replication how many copies it has, such as { datacenter1: 3 }`,
    );
    const options = cqlMap({ class: "NetworkTopologyStrategy", ...replication });
    const more = (await this.isScylla()) ? ` AND tablets = ${cqlMap({ enabled: tablets })}` : "";
    await this.run(`CREATE KEYSPACE IF NOT EXISTS ${quoted(keyspace)} WITH replication = ${options}${more}`);
    return true;
  }

  async isScylla(): Promise<boolean> {
    return (await this.table("system_schema", "scylla_tables")) !== undefined;
  }

  async table(keyspace: string, table: string): Promise<Row | undefined> {
    const query = "SELECT * FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?";
    return (await this.run(query, keyspace, table)).rows[0];
  }

  async columns(keyspace: string, table: string): Promise<readonly Row[]> {
    const query = "SELECT * FROM system_schema.columns WHERE keyspace_name = ? AND table_name = ?";
    return (await this.run(query, keyspace, table)).rows;
  }

  async run(query: string, ...params: readonly string[]): Promise<Answer> {
    try {
      const bytes = params.map((text) => cellBytes(text, { code: TYPES.text }));
      return await this.#session.execute({ query, params: bytes }, { consistency: ONE });
    } catch (error) {
      const { class: errorClass, code, message } = classify(error, "write");
      throw new WriteError(errorClass, code, `ensureSchema: ${message} (${query.slice(0, 200)})`, { cause: error });
    }
  }
}
