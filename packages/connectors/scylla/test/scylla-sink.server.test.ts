import { sinkChecks } from "@millrace/core/testing";
import { afterAll, describe, it } from "vitest";
import { type ScyllaSinkOptions, scyllaSink } from "../src/index.js";
import { contactPoints, freshTable, KEYSPACE, rawClient, rowsOf } from "./tables.js";

const client = await rawClient();
afterAll(() => client.shutdown());

interface Entry {
  readonly owner: string;
  readonly n: number;
  readonly text: string;
}

/** Few owners, so that requests are batches of a partition. */
const entry = (index: number): Entry => ({ owner: `owner ${index % 5}`, n: index, text: `text ${index}` });

const VARIANTS: Readonly<Record<string, Partial<ScyllaSinkOptions<Entry>>>> = {
  "last write wins": {},
  "version from the position": { version: "position" },
  "version from a function, single requests": { version: ({ n }) => n, requests: { rows: 1 }, concurrency: 8 },
  "small requests": { requests: { bytes: 400 } },
};

for (const [name, options] of Object.entries(VARIANTS))
  describe(`sink scylla, ${name}`, () => {
    const checks = sinkChecks<Entry>({
      async setup() {
        const table = await freshTable(client, "sink", "owner text, n int, text text, PRIMARY KEY (owner, n)");
        return {
          sink: () =>
            scyllaSink<Entry>({
              contactPoints: contactPoints(),
              keyspace: KEYSPACE,
              table,
              row: (each) => ({ ...each }),
              ...options,
            }),
          contents: async () => (await rowsOf(client, table)) as unknown as Entry[],
          teardown: async () => void (await client.execute(`DROP TABLE ${KEYSPACE}.${table}`)),
        };
      },
      sample: entry,
      poison: () => ({ owner: "owner 1", n: 0.5, text: "a half" }),
    });
    // A position is a version only where there is one.
    for (const { name: check, run } of checks.filter(
      (each) => options.version !== "position" || !each.name.includes("without an id"),
    ))
      it(check, run);
  });
