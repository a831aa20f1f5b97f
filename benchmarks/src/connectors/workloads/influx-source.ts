import { from } from "@millrace/core";
import { flux, fluxSource } from "@millrace/influx";
import type { BenchEvent } from "../bench-event.js";
import { AmountSum, type ConnectorBench, slices } from "../connector-bench.js";
import type { Contents } from "../contents.js";
import {
  createBucket,
  dropBucket,
  INFLUX_BATCH,
  influxClient,
  influxPlace,
  lineOf,
  MEASUREMENT,
  post,
} from "../influx-bucket.js";

const START_MS = 1_700_000_000_000;
const GAP_MS = 10;
/** 10,000 values of the events, which are 10 ms apart. */
const PAGE_MS = 100_000;

async function fill(bucket: string, values: readonly BenchEvent[]): Promise<void> {
  await createBucket(bucket);
  const client = influxClient();
  let i = 0;
  for (const slice of slices(values, INFLUX_BATCH))
    await post(
      client,
      bucket,
      slice.map((value) => lineOf(value, i++)),
      Number.MAX_SAFE_INTEGER,
    );
}

function* pages(bucket: string, size: number): Generator<string> {
  const stop = START_MS + size * GAP_MS;
  for (let at = START_MS; at < stop; at += PAGE_MS)
    yield `from(bucket: "${bucket}") |> range(start: time(v: ${at}000000), stop: time(v: ${Math.min(stop, at + PAGE_MS)}000000)) |> filter(fn: (r) => r._measurement == "${MEASUREMENT}" and r._field == "amount") |> drop(columns: ["_start", "_stop"]) |> group() |> sort(columns: ["_time"])`;
}

interface Read {
  readonly citizenID: string;
  readonly kind: string;
  readonly amount: number;
  readonly at: number;
}

/** Lines of CSV cut at commas, by which column is where: these values have no quotes. */
async function loop(bucket: string, size: number): Promise<Contents> {
  const sum = new AmountSum();
  const api = influxClient().getQueryApi(influxPlace().org);
  for (const query of pages(bucket, size)) {
    let places: readonly number[] | undefined;
    for await (const line of api.iterateLines(query)) {
      if (line === "" || line.startsWith("#")) continue;
      const cells = line.split(",");
      if (places === undefined) {
        places = ["citizen", "kind", "_value", "_time"].map((name) => cells.indexOf(name));
        continue;
      }
      const [citizenID = "", kind = "", amount = "", at = ""] = places.map((place) => cells[place] as string);
      const read: Read = { citizenID, kind, amount: Number(amount), at: Date.parse(at) };
      sum.add(read);
    }
  }
  return sum.contents;
}

async function millrace(bucket: string, size: number): Promise<Contents> {
  const sum = new AmountSum();
  const source = fluxSource<Read>({
    ...influxPlace(),
    bucket,
    name: "bench",
    start: START_MS,
    stop: START_MS + size * GAP_MS,
    step: PAGE_MS,
    pipe: flux`|> filter(fn: (r) => r._measurement == ${MEASUREMENT} and r._field == ${"amount"})`,
    decode: ({ citizen, kind, _value, _time }) => ({
      citizenID: String(citizen),
      kind: String(kind),
      amount: Number(_value),
      at: Date.parse(String(_time)),
    }),
  });
  await from(source).forEach(sum.add);
  return sum.contents;
}

async function writer(bucket: string, size: number): Promise<Contents> {
  const sum = new AmountSum();
  const api = influxClient().getQueryApi(influxPlace().org);
  for (const query of pages(bucket, size))
    for await (const { values, tableMeta } of api.iterateRows(query)) {
      const { citizen, kind, _value, _time } = tableMeta.toObject(values);
      const read: Read = { citizenID: citizen, kind, amount: _value, at: Date.parse(_time) };
      sum.add(read);
    }
  return sum.contents;
}

export const bench: ConnectorBench = { kind: "source", fill, contenders: { loop, millrace, writer }, drop: dropBucket };
