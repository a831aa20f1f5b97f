import { InfluxDB } from "@influxdata/influxdb-client";
import fc from "fast-check";
import { expect, it } from "vitest";
import { flux, fluxQuery, type Point } from "../src/index.js";
import { expectedOf, hostilePoint, hostileText } from "./hostile-points.js";
import { all, freshBucket, server } from "./server.js";

/** influxd's CSV leaves out each CR of what is stored. */
const shown = (value: unknown): unknown => (typeof value === "string" ? value.replace(/\r/g, "") : value);
const shownAll = (record: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [shown(name), shown(value)]));

/** The points in what a query gave, which has a row a field: series and time together make one. */
function pointsOf(rows: readonly Readonly<Record<string, unknown>>[]): unknown[] {
  const points = new Map<string, { measurement: unknown; tags: object; fields: Map<string, unknown>; time: unknown }>();
  for (const { result: _, table: __, _start, _stop, _time, _value, _field, _measurement, ...tags } of rows) {
    const key = JSON.stringify([_measurement, _time, Object.entries(tags).sort()]);
    const point = points.get(key) ?? { measurement: _measurement, tags, fields: new Map(), time: _time };
    point.fields.set(String(_field), _value);
    points.set(key, point);
  }
  // A field may be named __proto__, which an assignment would not set.
  return [...points.values()].map((point) => ({ ...point, fields: Object.fromEntries(point.fields) }));
}

const sorted = (points: readonly unknown[]): string[] =>
  points
    .map((point) =>
      JSON.stringify(point, (_, v) =>
        typeof v === "bigint"
          ? `${v}n`
          : v && typeof v === "object" && !Array.isArray(v)
            ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
            : v,
      ),
    )
    .sort();

/** Some weeks of three times in history: each week is a shard, and influxd runs out of files with thousands of them. */
function inFewShards(ns: bigint): bigint {
  const beginning = [0n, 1_700_000_000_000_000_000n, 4_000_000_000_000_000_000n][Number(ns % 3n)] as bigint;
  return beginning + (ns % 2_000_000_000_000_000n);
}

/** RFC 3339 with as many decimals as are needed. */
function timeText(ns: bigint): string {
  const second = new Date(Number(ns / 1_000_000_000n) * 1_000).toISOString().slice(0, 19);
  const decimals = String(ns % 1_000_000_000n)
    .padStart(9, "0")
    .replace(/0+$/, "");
  return `${second}${decimals === "" ? "" : `.${decimals}`}Z`;
}

it("hostile points come back from influxd as they were written", async () => {
  const bucket = await freshBucket("hostile");
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(hostilePoint, { minLength: 40, maxLength: 40 }), async (made) => {
      run++;
      // A measurement of its own for each point, so that none meets another's types; a tag for the run.
      const points = made.map(
        (point, i): Point => ({
          ...point,
          time: inFewShards(BigInt(point.time)),
          measurement: `${point.measurement}${run}.${i}.`,
          tags: { ...point.tags, "~run": String(run) },
        }),
      );
      await bucket.write(points, (point) => point);
      const rows = await all(
        fluxQuery(
          server,
          flux`from(bucket: ${bucket.name}) |> range(start: time(v: ${0}), stop: time(v: ${4_100_000_000_000_000_000n})) |> filter(fn: (r) => r["~run"] == ${String(run)})`,
        ),
      );
      const expected = points.map((point) => {
        const { measurement, tags, fields, time } = expectedOf(point);
        return {
          measurement: shown(measurement),
          tags: shownAll(tags),
          fields: shownAll(fields),
          time: timeText(time),
        };
      });
      expect(sorted(pointsOf(rows))).toEqual(sorted(expected));
    }),
    { numRuns: 15 },
  );
  await bucket.delete();
}, 120_000);

// The server looks for the end of a line by rules of its own, which take the blank for the end of the tags and then a quote of a name for one of a value.
it("a backslash before a blank in a tag does not cut a string at its line break", async () => {
  const bucket = await freshBucket("cut");
  const fields = { a: false, '"b': 1, c: "x\ny" };
  await bucket.write([1], (time) => ({ measurement: "m", tags: { "\\ ": "\\ \\" }, fields, time }));
  const query = flux`from(bucket: ${bucket.name}) |> range(start: time(v: ${0})) |> filter(fn: (r) => r._field == "c")`;
  expect(await all(fluxQuery(server, query))).toMatchObject([{ "_ ": "_ _", _value: "x\ny" }]);
  await bucket.delete();
});

it("line breaks and carriage returns of a string are stored; a query's answer has the line breaks, the client's reader makes two characters of each", async () => {
  const bucket = await freshBucket("breaks");
  await bucket.write(["a\nb\r\nc\rd"], (s) => ({ measurement: "m", fields: { s }, time: 1 }));
  const query = flux`import "strings"
    from(bucket: ${bucket.name}) |> range(start: time(v: ${0}))
    |> map(fn: (r) => ({ r with length: strings.strlen(v: r._value), whole: r._value == ${"a\nb\r\nc\rd"} }))`;
  expect(await all(fluxQuery(server, query))).toMatchObject([{ _value: "a\nb\ncd", length: 8n, whole: true }]);
  const client = new InfluxDB({ url: server.url, token: server.token });
  expect(await client.getQueryApi(server.org).collectRows(String(query))).toMatchObject([{ _value: "a\r\nb\r\ncd" }]);
  await bucket.delete();
});

it("no string breaks out of a query: each finds its own point and nothing else", async () => {
  const bucket = await freshBucket("injection");
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(hostileText, { minLength: 8, maxLength: 8 }), async (texts) => {
      await bucket.write(
        texts.map((text, i) => ({ text, i })),
        ({ text, i }) => ({ measurement: "m", tags: { i: String(i) }, fields: { text }, time: i }),
      );
      for (const [i, text] of texts.entries()) {
        const query = flux`from(bucket: ${bucket.name}) |> range(start: time(v: ${0})) |> filter(fn: (r) => r._value == ${text})`;
        expect(await all(fluxQuery(server, query))).toMatchObject([{ i: String(i), _value: shown(text) }]);
      }
    }),
    { numRuns: 15 },
  );
  const none = flux`from(bucket: ${bucket.name}) |> range(start: time(v: ${0})) |> filter(fn: (r) => r._value == ${'" or true) //'})`;
  expect(await all(fluxQuery(server, none))).toEqual([]);
  await bucket.delete();
}, 60_000);

it("whole numbers, floats, times and lists mean in Flux what they are here", async () => {
  const query = flux`import "array"
    array.from(rows: [{ i: ${-5}, f: ${0.1}, e: ${1e300}, b: ${true}, t: ${new Date(1)}, n: ${9223372036854775807n}, has: contains(value: ${"b"}, set: ${["a", "b"]}), more: 1.5 > ${1} }])`;
  expect(await all(fluxQuery(server, query))).toEqual([
    {
      result: "_result",
      table: 0n,
      i: -5n,
      f: 0.1,
      e: 1e300,
      b: true,
      t: "1970-01-01T00:00:00.001Z",
      n: 9223372036854775807n,
      has: true,
      more: true,
    },
  ]);
});
