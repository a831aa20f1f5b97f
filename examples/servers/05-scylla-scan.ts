/** All rows of a table, read in parallel by token range, into totals. */
import { from } from "@millrace/core";
import { ensureSchema, scyllaSink, scyllaSource } from "@millrace/scylla";

const scylla = {
  contactPoints: (process.env.CASSANDRA_CONTACT_POINTS ?? "127.0.0.1:9042").split(","),
  localDataCenter: process.env.CASSANDRA_DATACENTER ?? "datacenter1",
};
const table = { keyspace: `example_${Date.now().toString(36)}`, table: "events" };
await ensureSchema(scylla, {
  keyspace: table.keyspace,
  replication: { [scylla.localDataCenter]: 1 },
  tables: [
    {
      name: table.table,
      columns: { citizen: "text", at: "timestamp", points: "int" },
      partitionKey: ["citizen"],
      clustering: { at: "desc" },
    },
  ],
});

const made = Array.from({ length: 2_000 }, (_, i) => ({
  citizen: `c-${i % 100}`,
  at: new Date(i * 1_000),
  points: i % 3,
}));
await from(made)
  .keyBy(({ citizen }) => citizen)
  .to(scyllaSink({ ...scylla, ...table, row: (event) => event }))
  .run();

const events = scyllaSource({
  ...scylla,
  ...table,
  splits: 8,
  row: ({ citizen, points }) => ({ citizen: String(citizen), points: Number(points) }),
});
const totals = new Map<string, number>();
await from(events)
  .keyBy(({ citizen }) => citizen)
  .fold(0, (sum, { points }) => sum + points, { name: "total" })
  .elements()
  .forEach(({ key, value }) => {
    totals.set(String(key), value);
  });
console.log(`${totals.size} citizens, ${[...totals.values()].reduce((sum, total) => sum + total, 0)} points`);

// prints:
// 100 citizens, 1999 points
