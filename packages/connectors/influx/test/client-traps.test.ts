import { getEventListeners } from "node:events";
import { flux as clientFlux, HttpError, InfluxDB, Point, setLogger, type WriteApi } from "@influxdata/influxdb-client";
import { afterEach, beforeEach, expect, it } from "vitest";
import { encodePoint, flux, fluxQuery } from "../src/index.js";
import { ScriptedInflux } from "./scripted-influx.js";

/** What the client does: should one of these change, something of ours can go. */
let influx: ScriptedInflux;

// It prints what it loses.
setLogger({ warn() {}, error() {} });
beforeEach(async () => {
  influx = await ScriptedInflux.start();
});
afterEach(() => influx.stop());

const client = (timeout = 10_000): InfluxDB => new InfluxDB({ url: influx.url, token: "t", timeout });
const PATH = "/api/v2/write?org=o&bucket=b&precision=ns";
const POST = { method: "POST", headers: { "content-type": "text/plain" } };

it("WriteApi: flush() and close() resolve although the points are gone", async () => {
  influx.rules = () => ({ status: 503 });
  const api: WriteApi = client().getWriteApi("o", "b", "ns", {
    batchSize: 2,
    maxRetries: 0,
    flushInterval: 0,
    writeFailed: () => undefined,
  });
  for (let n = 0; n < 4; n++) api.writeRecord(`m v=${n} ${n}`);
  await api.flush();
  await api.close();
  while (influx.writes.length < 2) await new Promise(setImmediate);
  expect(influx.stored.size).toBe(0);
});

it("WriteApi: a full buffer throws the oldest lines away, and flush() resolves", async () => {
  influx.rules = () => ({ status: 503 });
  const skipped: number[] = [];
  const api: WriteApi = client().getWriteApi("o", "b", "ns", {
    batchSize: 2,
    maxBufferLines: 6,
    flushInterval: 0,
    minRetryDelay: 60_000,
    writeFailed: () => undefined,
    writeRetrySkipped: ({ lines }) => void skipped.push(...lines.map((line) => Number(line.split(" ")[2]))),
  });
  for (let n = 0; n < 12; n++) {
    api.writeRecord(`m v=${n} ${n}`);
    // Each batch is refused before the next one comes.
    if (n % 2 === 1) while (influx.writes.length < (n + 1) / 2) await new Promise(setImmediate);
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  }
  await api.flush();
  expect(skipped).toContain(0);
  api.dispose();
});

it("its reader rounds integers over 2^53", async () => {
  influx.query = (_, response) =>
    void response.end(
      "#datatype,string,long,long\r\n#group,,,\r\n#default,_result,,\r\n,result,table,_value\r\n,,0,9007199254740993\r\n",
    );
  expect(await client().getQueryApi("o").collectRows("x")).toMatchObject([{ _value: 9_007_199_254_740_992 }]);
  const rows: unknown[] = [];
  for await (const { _value } of fluxQuery({ url: influx.url, token: "t", org: "o" }, flux`x`)) rows.push(_value);
  expect(rows).toEqual([9_007_199_254_740_993n]);
});

it("Retry-After counts in milliseconds", () => {
  expect(new HttpError(429, "", "", "5").retryAfter()).toBe(5);
});

it("Point: a tag that ends in a backslash swallows the next one, and a point without a field is nothing", () => {
  expect(new Point("m").tag("a", "x\\").tag("b", "y").intField("v", 1).toLineProtocol()).toMatch(/^m,a=x\\,b=y /);
  expect(new Point("m").toLineProtocol()).toBeUndefined();
  expect(encodePoint({ measurement: "m", tags: { a: "x\\", b: "y" }, fields: { v: 1n }, time: 0 })).toBe(
    "m,a=x_,b=y v=1i 0",
  );
});

it("flux: a parameter inside of a longer string stands outside of all strings", () => {
  const evil = ") |> drop() //";
  expect(String(clientFlux`r.id == "${evil}-${"b"}"`)).toBe(`r.id == ""${evil}"-"b""`);
  expect(() => flux`r.id == "${evil}-${"b"}"`).toThrow("inside a string");
});

it("a request that has timed out stays open", async () => {
  influx.script.push({ hang: true });
  const { transport } = client(50);
  await expect(transport.request(PATH, "m v=1 1", POST)).rejects.toThrow("timed out");
  expect(await influx.connections()).toBe(1);
});

it("each request leaves a listener on its signal", async () => {
  const { signal } = new AbortController();
  const { transport } = client();
  for (let n = 0; n < 5; n++) await transport.request(PATH, "m v=1 1", { ...POST, signal } as typeof POST);
  expect(getEventListeners(signal, "abort").length).toBeGreaterThanOrEqual(5);
});

it("an error table is a row like any other", async () => {
  influx.query = (_, response) =>
    void response.end(
      "#datatype,string,string\r\n#group,true,true\r\n#default,,\r\n,error,reference\r\n,out of memory,897\r\n",
    );
  expect(await client().getQueryApi("o").collectRows("x")).toEqual([{ error: "out of memory", reference: "897" }]);
});
