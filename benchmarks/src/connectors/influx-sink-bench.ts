import { Point } from "@influxdata/influxdb-client";
import { from } from "@millrace/core";
import { influxSink } from "@millrace/influx";
import type { BenchEvent } from "./bench-event.js";
import { type SinkBench, slices } from "./connector-bench.js";
import {
  contentsOfBucket,
  createBucket,
  dropBucket,
  INFLUX_BATCH,
  influxClient,
  influxPlace,
  lineOf,
  MEASUREMENT,
  post,
  text,
} from "./influx-bucket.js";

const NS_PER_MS = 1_000_000;
const NS_DIGITS = 6;

/** Bodies over `gzipThreshold` bytes are compressed, by all contenders. */
export function influxSinkBench(gzipThreshold: number): SinkBench {
  const loop = async (bucket: string, values: readonly BenchEvent[]): Promise<void> => {
    const client = influxClient();
    let i = 0;
    for (const slice of slices(values, INFLUX_BATCH))
      await post(
        client,
        bucket,
        slice.map((value) => lineOf(value, i++)),
        gzipThreshold,
      );
  };
  const millrace = async (bucket: string, values: readonly BenchEvent[]): Promise<void> => {
    const sink = influxSink<BenchEvent>({
      ...influxPlace(),
      bucket,
      gzipThreshold,
      points: ({ citizenID, kind, amount, note, at }) => ({
        measurement: MEASUREMENT,
        tags: { citizen: citizenID, kind },
        fields: { amount, note },
        time: at,
      }),
    });
    await from(values).to(sink).run();
  };
  const writer = async (bucket: string, values: readonly BenchEvent[]): Promise<void> => {
    const api = influxClient().getWriteApi(influxPlace().org, bucket, "ns", {
      // A batch that is full by itself is sent without anybody waiting for it, not even close().
      batchSize: INFLUX_BATCH + 1,
      flushInterval: 0,
      gzipThreshold,
      maxRetries: 0,
    });
    let i = 0;
    for (const slice of slices(values, INFLUX_BATCH)) {
      for (const { citizenID, kind, amount, note, at } of slice)
        api.writePoint(
          new Point(MEASUREMENT)
            .tag("citizen", citizenID)
            .tag("kind", kind)
            .floatField("amount", amount)
            .stringField("note", note)
            .timestamp(`${at}${String(i++ % NS_PER_MS).padStart(NS_DIGITS, "0")}`),
        );
      await api.flush();
    }
    await api.close();
  };
  const one = async (bucket: string, values: readonly BenchEvent[]): Promise<void> => {
    const client = influxClient();
    for (const [i, value] of values.entries()) await post(client, bucket, [lineOf(value, i)], gzipThreshold);
  };
  return {
    kind: "sink",
    create: createBucket,
    contenders: { loop, millrace, writer, await: one },
    text,
    contents: contentsOfBucket,
    drop: dropBucket,
  };
}
