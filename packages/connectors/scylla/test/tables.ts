import cassandra, { type Client } from "cassandra-driver";
import { steadyControl } from "../src/steady-control.js";

/** Where the testbed's server is. */
export function contactPoints(): string[] {
  return (process.env.CASSANDRA_CONTACT_POINTS ?? "").split(",").filter((point) => point !== "");
}

let made = 0;

/** A name that no other test, process or earlier run has. */
export function freshName(what: string): string {
  made++;
  return `${what}_${process.pid}_${Date.now().toString(36)}_${made}`;
}

export const KEYSPACE = "millrace_test";

export interface Login {
  readonly username: string;
  readonly password: string;
}

/** A client that is not ours, with the keyspace of the tests made. */
export async function rawClient(points: readonly string[] = contactPoints(), login?: Login): Promise<Client> {
  const client = steadyControl(
    new cassandra.Client({
      contactPoints: [...points],
      localDataCenter: "datacenter1",
      policies: { reconnection: new cassandra.policies.reconnection.ConstantReconnectionPolicy(200) },
      ...(login === undefined ? {} : { credentials: { ...login } }),
    }),
  );
  await client.connect();
  await client.execute(
    `CREATE KEYSPACE IF NOT EXISTS ${KEYSPACE} WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 1}`,
  );
  return client;
}

/** A table of its own, such as `freshTable(client, "sink", "id text PRIMARY KEY, n int")`. */
export async function freshTable(client: Client, what: string, columns: string, options = ""): Promise<string> {
  const table = freshName(what);
  await client.execute(`CREATE TABLE ${KEYSPACE}.${table} (${columns})${options}`);
  return table;
}

/** All rows of a table: the driver's own iterator stops at an empty page. */
export async function rowsOf(client: Client, table: string, columns = "*"): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = [];
  let pageState: string | undefined;
  do {
    const page = await client.execute(`SELECT ${columns} FROM ${KEYSPACE}.${table}`, [], {
      prepare: true,
      fetchSize: 1_000,
      ...(pageState === undefined ? {} : { pageState }),
    });
    for (const row of page.rows) rows.push({ ...(row as unknown as Record<string, unknown>) });
    pageState = page.pageState ?? undefined;
  } while (pageState !== undefined);
  return rows;
}
