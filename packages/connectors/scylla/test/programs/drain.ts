/** Fails to connect in several ways, scans, looks up, writes and claims until it is told to stop, and then must end by itself: whatever is left open keeps the process. */
import { from, topology } from "@millrace/core";
import { scyllaConditional, scyllaLookup, scyllaSink, scyllaSource } from "../../src/index.js";

const [contactPoint = "", keyspace = "", input = "", output = ""] = process.argv.slice(2);
const place = { contactPoints: [contactPoint], keyspace };
for (const wrong of [
  { localDataCenter: "mars" },
  { contactPoints: ["127.0.0.1:9"] },
  { table: "nowhere" },
  { ssl: true },
])
  await scyllaConditional({ ...place, table: output, eventColumn: "event", ...wrong }).then(
    () => console.log("connected"),
    () => {},
  );
const claims = await scyllaConditional({ ...place, table: output, eventColumn: "event" });
await claims.insertIfNotExists({ id: "claim", n: 0 }, { event: "e" });
await claims.close();
let seen = 0;
const run = topology(
  "drain",
  from(
    scyllaSource({
      ...place,
      table: input,
      pageSize: 20,
      row: ({ id, n }) => {
        if (++seen === 500) setImmediate(() => void run.stop().then(({ status }) => console.log(status)));
        return { id: String(id), n: Number(n) };
      },
    }),
  )
    .lookup(
      ({ id }) => id,
      scyllaLookup<string, number>({ ...place, table: output, key: (id) => ({ id, n: 0 }), value: () => 1 }),
      (value, found) => ({ ...value, found: found ?? 0 }),
    )
    .to(scyllaSink({ ...place, table: output, row: ({ id, n }: { id: string; n: number }) => ({ id, n }) })),
).start();
