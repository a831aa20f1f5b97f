/** What happens in a MongoDB collection, into a topic: first what is there, then every change, without a gap. */
import { from, topology } from "@millrace/core";
import { ensureSchema, mongoChanges, mongoCheckpoints, mongoSink } from "@millrace/mongo";
import { deleteTopic, ensureTopic, redpandaTopic } from "@millrace/redpanda";

const brokers = (process.env.KAFKA_BROKERS ?? "127.0.0.1:9092").split(",");
const run = Date.now().toString(36);
const mongo = { url: process.env.MONGO_URL ?? "mongodb://127.0.0.1:27017", database: `example_${run}` };
const topic = `rules-${run}`;
await ensureSchema(mongo, { rules: {} });
await ensureTopic({ brokers }, topic, { partitions: 2 });
const changes = redpandaTopic({ brokers, topic });

const rules = mongoSink<{ id: string; points: number }>({
  ...mongo,
  collection: "rules",
  write: ({ id, points }) => ({ kind: "replace", document: { _id: id, points } }),
});
const edit = (points: number) =>
  from(["late-payment", "volunteering"].map((id) => ({ id, points })))
    .to(rules)
    .run();

/** All changes up to now; a second run goes on behind the first. */
const copy = topology(
  `copy-${run}`,
  from(
    mongoChanges({
      ...mongo,
      collection: "rules",
      name: "rules",
      stopAt: "latest",
      decode: ({ id, document }) => ({ id: String(id), points: Number(document?.points) }),
    }),
  ).to(changes.sink({ encode: ({ id, points }) => ({ key: id, value: String(points) }) })),
);
const checkpoint = { every: "1s", store: mongoCheckpoints(mongo) } as const;
await edit(1);
await copy.run({ checkpoint }); // the collection as it is
await edit(2);
await edit(3);
await copy.run({ checkpoint }); // what has changed since

const text = new TextDecoder();
const copied = changes.source({
  decode: ({ key, value }) => `${text.decode(key)} ${text.decode(value)}`,
  stopAt: "latest",
});
const lines = await from(copied).collect();
for (const id of ["late-payment", "volunteering"]) console.log(lines.filter((line) => line.startsWith(id)).join(", "));
await deleteTopic({ brokers }, topic);

// prints:
// late-payment 1, late-payment 2, late-payment 3
// volunteering 1, volunteering 2, volunteering 3
