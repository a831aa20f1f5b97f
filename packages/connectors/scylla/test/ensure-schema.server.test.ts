import { afterAll, expect, it, onTestFinished } from "vitest";
import { ensureSchema, type SchemaSpec, type TableSpec } from "../src/index.js";
import { contactPoints, freshName, rawClient } from "./tables.js";

const client = await rawClient();
afterAll(() => client.shutdown());
const connection = { contactPoints: contactPoints() };

const archive: TableSpec = {
  name: "events_archive",
  columns: {
    citizen_id: "text",
    bucket: "text",
    occurred_at: "timestamp",
    event_id: "text",
    score: "double",
    rules: "frozen<list<text>>",
    counts: "map<text, bigint>",
    Owner: "varchar",
  },
  partitionKey: ["citizen_id", "bucket"],
  clustering: { occurred_at: "desc", event_id: "asc" },
  static: ["Owner"],
  ttl: "1825d",
  compaction: { window: "60d" },
};

function freshSpec(tables: readonly TableSpec[] = [archive]): SchemaSpec {
  const keyspace = freshName("schema");
  onTestFinished(async () => void (await client.execute(`DROP KEYSPACE IF EXISTS ${keyspace}`)));
  return { keyspace, replication: { datacenter1: 1 }, tables };
}

it("makes what is not there, once", async () => {
  const spec = freshSpec([archive, { name: "plain", columns: { id: "int", v: "text" }, partitionKey: ["id"] }]);
  expect(await ensureSchema(connection, spec)).toEqual({
    created: [spec.keyspace, `${spec.keyspace}.events_archive`, `${spec.keyspace}.plain`],
    differences: [],
  });
  expect(await ensureSchema(connection, spec)).toEqual({ created: [], differences: [] });
  await client.execute(
    `INSERT INTO ${spec.keyspace}.events_archive (citizen_id, bucket, occurred_at, event_id, "Owner") VALUES ('a', 'b', 0, 'e', 'o')`,
  );
  const { rows } = await client.execute(
    `SELECT compaction, default_time_to_live FROM system_schema.tables WHERE keyspace_name = '${spec.keyspace}' AND table_name = 'events_archive'`,
  );
  expect(rows[0]?.default_time_to_live).toBe(157_680_000);
  expect(rows[0]?.compaction).toMatchObject({ compaction_window_unit: "DAYS", compaction_window_size: "60" });
});

it("several processes may make it at once", async () => {
  const spec = freshSpec();
  const reports = await Promise.all(Array.from({ length: 4 }, () => ensureSchema(connection, spec)));
  for (const { differences } of reports) expect(differences).toEqual([]);
});

it("tells every difference and alters nothing", async () => {
  const spec = freshSpec();
  await ensureSchema(connection, spec);
  const other: SchemaSpec = {
    ...spec,
    tables: [
      {
        name: "events_archive",
        columns: {
          citizen_id: "text",
          bucket: "text",
          occurred_at: "timestamp",
          event_id: "text",
          score: "int",
          new_one: "text",
        },
        partitionKey: ["citizen_id"],
        clustering: { bucket: "asc", occurred_at: "asc", event_id: "asc" },
        ttl: "30d",
        compaction: { window: "1d" },
      },
    ],
  };
  const differences = [
    `column "bucket" is number 2 of the partition key, not number 1 of the clustering order`,
    `column "occurred_at" is number 1 of the clustering order, not number 2 of the clustering order`,
    `column "occurred_at" is ordered desc, not asc`,
    `column "event_id" is number 2 of the clustering order, not number 3 of the clustering order`,
    `column "score" is of type double, not int`,
    `column "new_one" is missing`,
    "rows live 157680000 s, not 2592000 s",
    "compaction has compaction_window_size 60, not 1",
  ].map((difference) => ({ table: "events_archive", difference }));
  await expect(ensureSchema(connection, other)).rejects.toThrow(
    /E_SCYLLA_SCHEMA.*is not altered: .*column "new_one" is missing/,
  );
  expect(await ensureSchema(connection, { ...other, onDifference: "report" })).toEqual({ created: [], differences });
  expect(await ensureSchema(connection, spec)).toEqual({ created: [], differences: [] });
});

it("refuses what can not be", async () => {
  const table = (part: Partial<TableSpec>): SchemaSpec => ({ keyspace: "k", tables: [{ ...archive, ...part }] });
  for (const [spec, message] of [
    [{ keyspace: "a b", tables: [] }, /letters, digits/],
    [table({ columns: { 'x" text); DROP': "text" } }), /letters, digits/],
    [table({ columns: { ...archive.columns, bad: "text; DROP TABLE x" } }), /CQL type/],
    [table({ partitionKey: ["nobody"] }), /must name columns/],
    [table({ partitionKey: [] }), /at least one column/],
    [table({ compaction: { window: "1m" } }), /at most 100 windows/],
    [table({ ttl: "9000d" }), /20 years/],
    [{ keyspace: freshName("none"), tables: [] }, /say with replication/],
  ] as const)
    await expect(ensureSchema(connection, spec)).rejects.toThrow(message);
});
