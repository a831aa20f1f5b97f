import { InfluxDB } from "@influxdata/influxdb-client";

/** Where the testbed's influxd is; undefined where it is not up. */
export const server: { readonly url: string; readonly token: string; readonly org: string } | undefined =
  process.env.INFLUX_URL === undefined
    ? undefined
    : { url: process.env.INFLUX_URL, token: process.env.INFLUX_TOKEN ?? "", org: process.env.INFLUX_ORG ?? "" };

export function influxClient(): InfluxDB {
  if (server === undefined) throw new Error("INFLUX_URL is not set");
  return new InfluxDB({ url: server.url, token: server.token });
}
