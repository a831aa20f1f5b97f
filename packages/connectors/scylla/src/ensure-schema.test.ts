import { expect, it } from "vitest";
import { FakeSession } from "../test/fake-session.js";
import { applySchema } from "./ensure-schema.js";

/** A server without keyspaces and tables of ours; ScyllaDB is known by a table of its own. */
function serverOf(scylla: boolean): FakeSession {
  return new FakeSession(({ statements: [statement] }) => {
    const asked = (statement?.params ?? []).map((bytes) => Buffer.from(bytes as Uint8Array).toString());
    return { rows: scylla && asked[1] === "scylla_tables" ? [{}] : [], pageState: undefined };
  });
}

const keyspaceOf = async (session: FakeSession, tablets?: boolean): Promise<string | undefined> => {
  await applySchema(session, {
    keyspace: "App",
    replication: { dc1: 3, dc2: 2 },
    tables: [],
    ...(tablets === undefined ? {} : { tablets }),
  });
  return session.requests.map(({ statements }) => statements[0]?.query).find((query) => query?.startsWith("CREATE"));
};

it("makes a keyspace without tablets on ScyllaDB, and does not name them on Cassandra", async () => {
  const plain = `CREATE KEYSPACE IF NOT EXISTS "App" WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 3, 'dc2': 2}`;
  expect(await keyspaceOf(serverOf(false))).toBe(plain);
  expect(await keyspaceOf(serverOf(true))).toBe(`${plain} AND tablets = {'enabled': false}`);
  expect(await keyspaceOf(serverOf(true), true)).toBe(`${plain} AND tablets = {'enabled': true}`);
});
