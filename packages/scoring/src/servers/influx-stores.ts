import type { Duration, Sink } from "@millrace/core";
import { ensureBucket, flux, fluxQuery, type InfluxConnection, influxSink } from "@millrace/influx";
import type { ContentRow } from "../ports/store-contents.js";
import { type InfluxStore, MEASUREMENTS, pointOf, rowOf } from "./influx-points.js";
import type { ServerNames } from "./server-connections.js";

/** How long the buckets keep their points, by the points' own times. */
export interface InfluxRetention {
  readonly rawEvents: Duration | "forever";
  readonly derivedMetrics: Duration | "forever";
}

/** Makes the buckets, and sets how long they keep points. */
export async function ensureBuckets(
  connection: InfluxConnection,
  names: ServerNames,
  retention: InfluxRetention,
): Promise<void> {
  await ensureBucket(connection, names.rawEvents, { retention: retention.rawEvents });
  await ensureBucket(connection, names.derivedMetrics, { retention: retention.derivedMetrics });
}

export function influxStoreSink(
  store: InfluxStore,
  connection: InfluxConnection,
  names: ServerNames,
): Sink<ContentRow> {
  return influxSink<ContentRow>({
    ...connection,
    bucket: names[MEASUREMENTS[store].bucket],
    name: store,
    points: (row) => pointOf(store, row),
  });
}

/** All rows of a store. */
export async function* influxRows(
  store: InfluxStore,
  connection: InfluxConnection,
  names: ServerNames,
): AsyncGenerator<ContentRow> {
  const { bucket, measurement } = MEASUREMENTS[store];
  const query = flux`from(bucket: ${names[bucket]})
    |> range(start: ${new Date(0)}, stop: ${new Date(Date.UTC(2200, 0, 1))})
    |> filter(fn: (r) => r._measurement == ${measurement})
    |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")`;
  for await (const point of fluxQuery(connection, query)) yield rowOf(store, point);
}
