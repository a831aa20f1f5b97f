import { from } from "@millrace/core";
import {
  deleteBucket,
  ensureBucket,
  type FluxRow,
  flux,
  fluxQuery,
  type InfluxSinkOptions,
  influxSink,
} from "../src/index.js";

/** The influxd that the testbed has started. */
export const server: { readonly url: string; readonly token: string; readonly org: string } = {
  url: process.env.INFLUX_URL ?? "",
  token: process.env.INFLUX_TOKEN ?? "",
  org: process.env.INFLUX_ORG ?? "",
};

let made = 0;

/** A name that no other test, process or earlier run has. */
export function freshName(what: string): string {
  made++;
  return `millrace-test.${what}.${process.pid}.${Date.now().toString(36)}.${made}`;
}

/** A bucket of its own, and what to do with it. */
export interface TestBucket {
  readonly name: string;
  rows(): Promise<FluxRow[]>;
  write<T>(values: readonly T[], points: InfluxSinkOptions<T>["points"]): Promise<void>;
  delete(): Promise<void>;
}

export async function freshBucket(what: string, at: typeof server = server): Promise<TestBucket> {
  const name = freshName(what);
  await ensureBucket(at, name);
  return {
    name,
    rows: () => all(fluxQuery(at, flux`from(bucket: ${name}) |> range(start: time(v: ${0}))`)),
    write: async (values, points) => {
      await from(values)
        .to(influxSink({ ...at, bucket: name, points }))
        .run();
    },
    delete: () => deleteBucket(at, name),
  };
}

export async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const value of values) list.push(value);
  return list;
}
