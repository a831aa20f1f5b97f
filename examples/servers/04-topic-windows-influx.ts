/** From a topic through hourly windows into InfluxDB. */
import { from, topology, tumbling } from "@millrace/core";
import { deleteBucket, ensureBucket, flux, fluxQuery, influxSink } from "@millrace/influx";
import { deleteTopic, ensureTopic, redpandaTopic } from "@millrace/redpanda";

const brokers = (process.env.KAFKA_BROKERS ?? "127.0.0.1:9092").split(",");
const influx = {
  url: process.env.INFLUX_URL ?? "http://127.0.0.1:8086",
  token: process.env.INFLUX_TOKEN ?? "",
  org: process.env.INFLUX_ORG ?? "millrace",
};
const run = Date.now().toString(36);
const [topic, bucket] = [`meter-${run}`, `hourly-${run}`];
await ensureTopic({ brokers }, topic, { partitions: 2 });
await ensureBucket(influx, bucket);

type Reading = { readonly meter: string; readonly at: number; readonly watts: number };
const MIDNIGHT = Date.UTC(2026, 0, 1);
const readings = redpandaTopic({ brokers, topic });
const made = Array.from(
  { length: 600 },
  (_, i): Reading => ({ meter: `meter-${i % 2}`, at: MIDNIGHT + i * 60_000, watts: 100 + (i % 2) }),
);
await from(made)
  .to(readings.sink({ encode: (reading) => ({ key: reading.meter, value: JSON.stringify(reading) }) }))
  .run();

const decode = ({ value }: { readonly value: Uint8Array | undefined }) =>
  JSON.parse(new TextDecoder().decode(value)) as Reading;
const hourly = from(readings.source({ decode, stopAt: "latest" }))
  .eventTime(({ at }) => at, { maxOutOfOrderness: "1m" })
  .keyBy(({ meter }) => meter, { partitioned: true })
  .window("hourly", tumbling({ size: "1h" }))
  .aggregate((by) => ({ readings: by.count(), watts: by.average(({ watts }) => watts) }))
  .to(
    influxSink({
      ...influx,
      bucket,
      points: ({ key, value, window }) => ({
        measurement: "power",
        tags: { meter: key },
        fields: value,
        time: window.start,
      }),
    }),
  );
// The tenth hour is not over yet: `atEnd: "fire"` writes it as it is now, and a later run would write it again, whole.
await topology(`power-${run}`, hourly).run({ checkpoint: "none", atEnd: "fire" });

const query = flux`from(bucket: ${bucket}) |> range(start: ${new Date(MIDNIGHT)}, stop: ${new Date(MIDNIGHT + 86_400_000)})
  |> filter(fn: (r) => r._field == "watts") |> group(columns: ["meter"]) |> count() |> group() |> sort(columns: ["meter"])`;
for await (const { meter, _value } of fluxQuery(influx, query)) console.log(`${meter}: ${_value} hours`);
await deleteBucket(influx, bucket);
await deleteTopic({ brokers }, topic);

// prints:
// meter-0: 10 hours
// meter-1: 10 hours
