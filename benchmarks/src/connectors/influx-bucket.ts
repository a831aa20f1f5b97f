import { InfluxDB } from "@influxdata/influxdb-client";
import { deleteBucket, ensureBucket } from "@millrace/influx";
import type { BenchEvent } from "./bench-event.js";
import { fromEnvironment } from "./connector-bench.js";
import { type Contents, contentsOf } from "./contents.js";

export const INFLUX_BATCH = 5_000;
export const MEASUREMENT = "event";
/** The recount of many points takes longer than the client waits by itself. */
const TIMEOUT_MS = 120_000;
const NS_DIGITS = 6;
const NS_PER_MS = 1_000_000;

export interface InfluxPlace {
  readonly url: string;
  readonly token: string;
  readonly org: string;
}

export function influxPlace(): InfluxPlace {
  return {
    url: fromEnvironment("INFLUX_URL"),
    token: fromEnvironment("INFLUX_TOKEN"),
    org: fromEnvironment("INFLUX_ORG"),
  };
}

export function influxClient(): InfluxDB {
  const { url, token } = influxPlace();
  return new InfluxDB({ url, token, timeout: TIMEOUT_MS });
}

export async function createBucket(bucket: string): Promise<void> {
  await ensureBucket(influxPlace(), bucket);
}

export async function dropBucket(bucket: string): Promise<void> {
  await deleteBucket(influxPlace(), bucket);
}

/** By hand: one template, since these names and values need no escaping. Points of one millisecond are kept apart by their number. */
export function lineOf({ citizenID, kind, amount, note, at }: BenchEvent, i: number): string {
  return `${MEASUREMENT},citizen=${citizenID},kind=${kind} amount=${amount},note="${note}" ${at}${String(i % NS_PER_MS).padStart(NS_DIGITS, "0")}`;
}

interface Transport {
  send(
    path: string,
    body: string,
    options: { readonly method: string; readonly headers: Readonly<Record<string, string>>; gzipThreshold: number },
    callbacks: { complete(): void; error(error: Error): void; next(): void },
  ): void;
}

/** One request over the client's transport, by a promise. */
export function post(client: InfluxDB, bucket: string, lines: readonly string[], gzipThreshold: number): Promise<void> {
  const { org } = influxPlace();
  const transport = client.transport as unknown as Transport;
  const headers = { "content-type": "text/plain; charset=utf-8" };
  return new Promise((resolve, reject) => {
    transport.send(
      `/api/v2/write?org=${encodeURIComponent(org)}&bucket=${encodeURIComponent(bucket)}&precision=ns`,
      lines.join("\n"),
      { method: "POST", headers, gzipThreshold },
      { next: () => {}, error: reject, complete: resolve },
    );
  });
}

export function text({ citizenID, kind, amount, note, at }: BenchEvent): string {
  return [citizenID, kind, amount, note, at].join(" ");
}

/** Read by a query, times to the millisecond. */
export async function contentsOfBucket(bucket: string): Promise<Contents> {
  const { org } = influxPlace();
  const query = `from(bucket: "${bucket}") |> range(start: 2000-01-01T00:00:00Z, stop: 2100-01-01T00:00:00Z) |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value") |> keep(columns: ["_time", "citizen", "kind", "amount", "note"]) |> group()`;
  const texts: string[] = [];
  for await (const { values, tableMeta } of influxClient().getQueryApi(org).iterateRows(query)) {
    const row = tableMeta.toObject(values);
    texts.push(
      text({
        id: "",
        citizenID: row.citizen,
        kind: row.kind,
        amount: row.amount,
        note: row.note,
        at: Date.parse(row._time),
      }),
    );
  }
  return contentsOf(texts);
}
