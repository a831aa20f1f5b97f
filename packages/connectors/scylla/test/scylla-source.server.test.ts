import { from } from "@millrace/core";
import { sourceSuite, testContext } from "@millrace/core/testing";
import { afterAll, expect, it } from "vitest";
import { scyllaSource } from "../src/index.js";
import { contactPoints, freshTable, KEYSPACE, rawClient, rowsOf } from "./tables.js";

const client = await rawClient();
afterAll(() => client.shutdown());

/** A scan goes by token, so the samples of the suite are numbered in that order: the server says which it is. */
const order = await freshTable(client, "ordered", "id text PRIMARY KEY");
await insert(
  order,
  Array.from({ length: 3_500 }, (_, i) => `key ${i}`).map((id) => ({ id, c: undefined })),
);
const inOrder = (await rowsOf(client, order)).map(({ id }) => String(id));

async function insert(
  table: string,
  rows: readonly { readonly id: string; readonly c: number | undefined }[],
): Promise<void> {
  const withC = rows.some(({ c }) => c !== undefined);
  const query = withC
    ? `INSERT INTO ${KEYSPACE}.${table} (id, c) VALUES (?, ?)`
    : `INSERT INTO ${KEYSPACE}.${table} (id) VALUES (?)`;
  for (let at = 0; at < rows.length; at += 200)
    await Promise.all(
      rows.slice(at, at + 200).map(({ id, c }) => client.execute(query, withC ? [id, c] : [id], { prepare: true })),
    );
}

interface Entry {
  readonly id: string;
  readonly c: number;
}

for (const [name, options, perPartition] of [
  ["one split, small pages", { splits: 1, pageSize: 7 }, 1],
  ["many splits", { splits: 24 }, 1],
  ["partitions of several pages", { splits: 3, pageSize: 7 }, 20],
  ["pages as large as partitions", { splits: 3, pageSize: 10 }, 10],
] as const)
  sourceSuite<Entry>({
    name: `scylla, ${name}`,
    async setup(values) {
      const table = await freshTable(client, "source", "id text, c int, PRIMARY KEY (id, c)");
      await insert(table, values);
      return {
        source: () =>
          scyllaSource<Entry>({
            contactPoints: contactPoints(),
            keyspace: KEYSPACE,
            table,
            row: ({ id, c }) => ({ id: id as string, c: c as number }),
            ...options,
          }),
        append: (more) => insert(table, more),
        teardown: async () => void (await client.execute(`DROP TABLE ${KEYSPACE}.${table}`)),
      };
    },
    sample: (index) => ({ id: inOrder[Math.floor(index / perPartition)] as string, c: index % perPartition }),
  });

it("reads a topology's input, with every type plain", async () => {
  const table = await freshTable(
    client,
    "types",
    "id uuid PRIMARY KEY, big bigint, many varint, price decimal, at timestamp, day date, clock time, ip inet, raw blob, tags set<text>, steps list<frozen<list<int>>>, counts map<int, bigint>, pair tuple<int, text>, ok boolean",
  );
  await client.execute(
    `INSERT INTO ${KEYSPACE}.${table} JSON '{"id": "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "big": 9007199254740993, "many": 123456789012345678901, "price": "1.10", "at": "2026-11-25 12:00:00.123Z", "day": "2026-11-25", "clock": "12:30:00", "ip": "127.0.0.1", "raw": "0x0102", "tags": ["b", "a"], "steps": [[1, 2], []], "counts": {"7": 9007199254740993}, "pair": [1, "x"], "ok": true}'`,
  );
  const rows = await from(
    scyllaSource({ contactPoints: contactPoints(), keyspace: KEYSPACE, table, row: (row) => row, splits: 4 }),
  ).collect();
  expect(rows).toEqual([
    {
      id: "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
      big: 9007199254740993n,
      many: 123456789012345678901n,
      price: "1.10",
      at: new Date("2026-11-25T12:00:00.123Z"),
      day: "2026-11-25",
      clock: "12:30:00",
      ip: "127.0.0.1",
      raw: new Uint8Array([1, 2]),
      tags: ["a", "b"],
      steps: [[1, 2], []],
      counts: new Map([[7, 9007199254740993n]]),
      pair: [1, "x"],
      ok: true,
    },
  ]);
});

it("reads every row once beside pages without rows", async () => {
  const table = await freshTable(client, "empty_pages", "id text, c int, PRIMARY KEY (id, c)");
  await insert(
    table,
    Array.from({ length: 900 }, (_, i) => ({ id: `p ${i % 30}`, c: Math.floor(i / 30) })),
  );
  for (let i = 0; i < 30; i += 2)
    for (let c = 0; c < 30; c++)
      await client.execute(`DELETE FROM ${KEYSPACE}.${table} WHERE id = ? AND c = ?`, [`p ${i}`, c], { prepare: true });
  const found = await from(
    scyllaSource({
      contactPoints: contactPoints(),
      keyspace: KEYSPACE,
      table,
      row: ({ id, c }) => `${id}/${c}`,
      splits: 2,
      pageSize: 5,
    }),
  ).collect();
  expect(found.length).toBe(450);
  expect(new Set(found).size).toBe(450);
});

it("resumes by token where the server does not take its mark any more", async () => {
  const table = await freshTable(client, "marks", "id text, c int, PRIMARY KEY (id, c)");
  const ids = ["a", "b", "c", "d"];
  await insert(
    table,
    ids.flatMap((id) => Array.from({ length: 25 }, (_, c) => ({ id, c }))),
  );
  const source = scyllaSource({
    contactPoints: contactPoints(),
    keyspace: KEYSPACE,
    table,
    row: ({ id, c }) => `${id}/${c}`,
    splits: 1,
    pageSize: 10,
  });
  const connection = await source.connect(testContext());
  const seen: string[] = [];
  let position: string | undefined;
  for (;;) {
    const reader = await connection.open("0", position);
    const batch = await reader.read();
    if (batch === undefined) break;
    seen.push(...batch.values);
    // Behind the numbers stands the mark; this is none.
    position = batch.position.replace(/[0-9a-f]+$/, (mark) => (batch.position.split(" ").length > 2 ? "00" : mark));
    await reader.close();
  }
  await connection.close();
  expect(seen.length).toBe(100);
  expect(new Set(seen).size).toBe(100);
});
