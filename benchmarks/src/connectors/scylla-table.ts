import cassandra, { type Client } from "cassandra-driver";
import type { BenchEvent } from "./bench-event.js";
import { fromEnvironment, slices } from "./connector-bench.js";

export const KEYSPACE = "millrace_bench";
export const SCYLLA_BATCH = 1_000;
const COLUMNS = ["citizen_id", "at", "id", "kind", "amount", "note"];
/** `LOCAL_QUORUM`, as the connector's default. */
export const CONSISTENCY: number = cassandra.types.consistencies.localQuorum;

export function contactPoints(): string[] {
  return fromEnvironment("CASSANDRA_CONTACT_POINTS").split(",");
}

export function dataCenter(): string {
  return process.env.CASSANDRA_DATACENTER ?? "datacenter1";
}

export async function withClient<T>(work: (client: Client) => Promise<T>): Promise<T> {
  const client = new cassandra.Client({ contactPoints: contactPoints(), localDataCenter: dataCenter() });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.shutdown();
  }
}

export function insertInto(table: string): string {
  return `INSERT INTO ${KEYSPACE}.${table} (${COLUMNS.join(", ")}) VALUES (?, ?, ?, ?, ?, ?)`;
}

export function paramsOf({ citizenID, at, id, kind, amount, note }: BenchEvent): unknown[] {
  return [citizenID, new Date(at), id, kind, amount, note];
}

/** An unlogged batch for each partition of a thousand values, all at once. */
export async function writeBatches(client: Client, table: string, values: readonly BenchEvent[]): Promise<void> {
  const query = insertInto(table);
  for (const slice of slices(values, SCYLLA_BATCH)) {
    const partitions = new Map<string, { query: string; params: unknown[] }[]>();
    for (const value of slice) {
      let own = partitions.get(value.citizenID);
      if (own === undefined) {
        own = [];
        partitions.set(value.citizenID, own);
      }
      own.push({ query, params: paramsOf(value) });
    }
    await Promise.all(
      [...partitions.values()].map((queries) =>
        client.batch(queries, { prepare: true, logged: false, isIdempotent: true, consistency: CONSISTENCY }),
      ),
    );
  }
}

export function createTable(table: string): Promise<void> {
  return withClient(async (client) => {
    await client.execute(
      `CREATE KEYSPACE IF NOT EXISTS ${KEYSPACE} WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`,
    );
    await client.execute(
      `CREATE TABLE ${KEYSPACE}.${table} (citizen_id text, at timestamp, id text, kind text, amount int, note text, PRIMARY KEY (citizen_id, at, id))`,
    );
  });
}

export function dropTable(table: string): Promise<void> {
  return withClient(async (client) => {
    await client.execute(`DROP TABLE ${KEYSPACE}.${table}`);
  });
}

/** Columns of a row, by the driver or by ours. */
export function eventOf(row: { readonly [column: string]: unknown }): BenchEvent {
  return {
    id: row.id as string,
    citizenID: row.citizen_id as string,
    kind: row.kind as string,
    amount: row.amount as number,
    at: (row.at as Date).getTime(),
    note: row.note as string,
  };
}
