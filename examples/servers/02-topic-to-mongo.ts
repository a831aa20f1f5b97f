/** From a topic into a MongoDB collection: the newest reading of each sensor, whatever is read again. */
import { from, topology } from "@millrace/core";
import { ensureSchema, mongoSink, mongoSource } from "@millrace/mongo";
import { deleteTopic, ensureTopic, redpandaTopic } from "@millrace/redpanda";

const brokers = (process.env.KAFKA_BROKERS ?? "127.0.0.1:9092").split(",");
const url = process.env.MONGO_URL ?? "mongodb://127.0.0.1:27017";
const run = Date.now().toString(36);
const topic = `readings-${run}`;
const database = `example_${run}`;
await ensureTopic({ brokers }, topic, { partitions: 2 });
const mongo = { url, database };
await ensureSchema(mongo, { sensors: {} });

interface Reading {
  readonly sensor: string;
  readonly at: number;
  readonly value: number;
}
const readings = redpandaTopic({ brokers, topic });
const made = Array.from({ length: 1_000 }, (_, i): Reading => ({ sensor: `sensor-${i % 5}`, at: i, value: i * 2 }));
await from(made)
  .to(readings.sink({ encode: (reading) => ({ key: reading.sensor, value: JSON.stringify(reading) }) }))
  .run();

const decode = ({ value }: { readonly value: Uint8Array | undefined }) =>
  JSON.parse(new TextDecoder().decode(value)) as Reading;
const newest = mongoSink<Reading>({
  ...mongo,
  collection: "sensors",
  writes: "versioned",
  write: ({ sensor, at, value }) => ({ kind: "guarded", version: "at", document: { _id: sensor, at, value } }),
});
await topology(`sensors-${run}`, from(readings.source({ decode, stopAt: "latest" })).to(newest)).run();

const stored = mongoSource({ ...mongo, collection: "sensors", decode: ({ _id, value }) => `${_id}: ${value}` });
console.log((await from(stored).collect()).sort().join(", "));
await deleteTopic({ brokers }, topic);

// prints:
// sensor-0: 1990, sensor-1: 1992, sensor-2: 1994, sensor-3: 1996, sensor-4: 1998
