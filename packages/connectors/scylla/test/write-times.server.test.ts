import { afterAll, expect, it } from "vitest";
import { scyllaSink } from "../src/index.js";
import { contactPoints, freshTable, KEYSPACE, rawClient, rowsOf } from "./tables.js";
import { writeOnce } from "./write.js";

const client = await rawClient();
afterAll(() => client.shutdown());

interface Entry {
  readonly id: string;
  readonly n: number;
  readonly v: string;
}

async function written(columns: string, values: readonly Entry[]): Promise<string> {
  const table = await freshTable(client, "times", columns);
  const sink = scyllaSink<Entry>({
    contactPoints: contactPoints(),
    keyspace: KEYSPACE,
    table,
    row: (each) => ({ ...each }),
    remove: ({ v }) => v === "gone",
  });
  await writeOnce(sink, values);
  return table;
}

it("of a column that the rows of a partition share the later write counts, though no row is written twice", async () => {
  const values = ["zzz", "yyy", "aaa"].map((v, n) => ({ id: "a", n, v }));
  const table = await written("id text, n int, v text STATIC, PRIMARY KEY (id, n)", values);
  expect((await rowsOf(client, table)).map(({ n, v }) => [n, v])).toEqual([0, 1, 2].map((n) => [n, "aaa"]));
});

it("a row that is deleted and written again in one request is there, and the other way around it is not", async () => {
  const table = await written("id text, n int, v text, PRIMARY KEY (id, n)", [
    { id: "a", n: 1, v: "gone" },
    { id: "a", n: 1, v: "back" },
    { id: "a", n: 2, v: "here" },
    { id: "a", n: 2, v: "gone" },
  ]);
  expect((await rowsOf(client, table)).map(({ n, v }) => [n, v])).toEqual([[1, "back"]]);
});

it("rows that are written once have one time, that of their request", async () => {
  const values = [2, 1, 3].map((n) => ({ id: "a", n, v: "v" }));
  const table = await written("id text, n int, v text, PRIMARY KEY (id, n)", values);
  const times = (await rowsOf(client, table, "writetime(v)")).map((row) => String(row["writetime(v)"]));
  expect(times.length).toBe(3);
  expect(new Set(times).size).toBe(1);
  expect(Math.abs(Number(times[0]) / 1_000 - Date.now())).toBeLessThan(60_000);
});
