import { from } from "@millrace/core";
import { testContext } from "@millrace/core/testing";
import { afterAll, expect, it, onTestFinished } from "vitest";
import { type ScyllaLookupOptions, scyllaLookup, scyllaPartitionLookup } from "../src/index.js";
import { contactPoints, freshTable, KEYSPACE, rawClient } from "./tables.js";

const client = await rawClient();
afterAll(() => client.shutdown());
const call = { signal: new AbortController().signal, attempt: 1 };

async function citizens(): Promise<{ contactPoints: string[]; keyspace: string; table: string }> {
  const table = await freshTable(client, "citizens", "id text PRIMARY KEY, name text, score bigint");
  for (let i = 0; i < 300; i++)
    await client.execute(
      `INSERT INTO ${KEYSPACE}.${table} (id, name, score) VALUES (?, ?, ?)`,
      [`id ${i}`, `n ${i}`, i],
      {
        prepare: true,
      },
    );
  return { contactPoints: contactPoints(), keyspace: KEYSPACE, table };
}

it("finds rows by key, each once, and leaves out misses and keys that no row can have", async () => {
  const lookup = scyllaLookup<string | number>({ ...(await citizens()), concurrency: 16 });
  await lookup.connect?.(testContext());
  onTestFinished(async () => lookup.close?.());
  const keys = [...Array.from({ length: 300 }, (_, i) => `id ${i}`), "id 7", "nobody", 7, "\ud800"];
  const found = await lookup.fetch(keys, call);
  expect(found.size).toBe(300);
  expect(found.get("id 7")).toEqual({ id: "id 7", name: "n 7", score: 7n });
  expect(found.has("nobody")).toBe(false);
  expect(await lookup.health?.()).toMatchObject({ status: "up" });
});

it("answers with what is there now", async () => {
  const options = await citizens();
  const lookup = scyllaLookup<string, string>({ ...options, value: ({ name }) => String(name), columns: ["name"] });
  await lookup.connect?.(testContext());
  onTestFinished(async () => lookup.close?.());
  expect(await lookup.fetch(["id 1"], call)).toEqual(new Map([["id 1", "n 1"]]));
  await client.execute(`UPDATE ${KEYSPACE}.${options.table} SET name = 'new' WHERE id = 'id 1'`);
  expect(await lookup.fetch(["id 1"], call)).toEqual(new Map([["id 1", "new"]]));
});

it("works in a topology, also as one object at two places", async () => {
  const lookup = scyllaLookup<string, string>({ ...(await citizens()), value: ({ name }) => String(name) });
  const named = (key: string, name: string | undefined): string => `${key}=${name}`;
  expect(
    await from(["id 1", "id 2"])
      .lookup((id) => id, lookup, named)
      .lookup(
        (text) => text.slice(0, 4),
        lookup,
        (text, name) => `${text} ${name}`,
      )
      .collect(),
  ).toEqual(["id 1=n 1 n 1", "id 2=n 2 n 2"]);
});

it("finds the rows of a partition in their order", async () => {
  const table = await freshTable(
    client,
    "parts",
    "a text, b int, c int, v text, PRIMARY KEY ((a, b), c)",
    " WITH CLUSTERING ORDER BY (c DESC)",
  );
  for (let c = 0; c < 5; c++)
    await client.execute(`INSERT INTO ${KEYSPACE}.${table} (a, b, c, v) VALUES ('x', 1, ?, 'v')`, [c], {
      prepare: true,
    });
  const options: ScyllaLookupOptions<string, number[], readonly { readonly [name: string]: unknown }[]> = {
    contactPoints: contactPoints(),
    keyspace: KEYSPACE,
    table,
    key: (key) => ({ a: key, b: 1 }),
    value: (rows) => rows.map(({ c }) => c as number),
  };
  const lookup = scyllaPartitionLookup(options);
  await lookup.connect?.(testContext());
  onTestFinished(async () => lookup.close?.());
  expect(await lookup.fetch(["x", "y"], call)).toEqual(new Map([["x", [4, 3, 2, 1, 0]]]));
  const { key: _key, ...keyless } = options;
  await expect(scyllaPartitionLookup(keyless).connect?.(testContext())).rejects.toThrow(/asked by a, b: say with key/);
});

it("fails at once where the table or a column is missing", async () => {
  const options = await citizens();
  await expect(scyllaLookup({ ...options, table: "nowhere" }).connect?.(testContext())).rejects.toMatchObject({
    class: "fatal",
    code: "E_SCYLLA_TABLE",
  });
  await expect(scyllaLookup({ ...options, columns: ["nothing"] }).connect?.(testContext())).rejects.toMatchObject({
    class: "fatal",
    code: "E_SCYLLA_SCHEMA",
  });
});
