import { createServer } from "node:http";
import { testContext, virtualClock } from "@millrace/core/testing";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  ensureBucket,
  type FluxQuery,
  type FluxSourceOptions,
  flux,
  fluxQuery,
  fluxSource,
  influxSink,
} from "../src/index.js";
import { ScriptedInflux } from "./scripted-influx.js";
import { SELF_SIGNED } from "./self-signed.js";

let influx: ScriptedInflux;

beforeEach(async () => {
  influx = await ScriptedInflux.start();
});
afterEach(() => influx.stop());

const at = (): { url: string; token: string; org: string } => ({ url: influx.url, token: "sesame-42", org: "acme" });
const options = (): FluxSourceOptions<string> => ({
  ...at(),
  bucket: "b",
  name: "s",
  start: 0,
  stop: 10,
  decode: ({ _value }) => String(_value),
});

const HEAD =
  "#datatype,string,long,dateTime:RFC3339,string\r\n#group,,,,\r\n#default,_result,,,\r\n,result,table,_time,_value\r\n";

function csv(rows: readonly { readonly ns: bigint; readonly value: string }[]): string {
  const timeOf = (ns: bigint): string =>
    `${new Date(Number(ns / 1_000_000_000n) * 1_000).toISOString().slice(0, 19)}.${String(ns % 1_000_000_000n).padStart(9, "0")}Z`;
  return rows.length === 0
    ? "\r\n"
    : `${HEAD}${rows.map(({ ns, value }) => `,,0,${timeOf(ns)},${value}\r\n`).join("")}\r\n`;
}

async function rowsOf(query: FluxQuery, more = {}): Promise<unknown[]> {
  const rows: unknown[] = [];
  for await (const { _value } of fluxQuery({ ...at(), ...more }, query)) rows.push(_value);
  return rows;
}

describe("fluxQuery", () => {
  const one = csv([{ ns: 1n, value: "a" }]);

  it("asks once, with the query as it is, and gives the rows", async () => {
    influx.query = (_, response) => response.end(one);
    expect(await rowsOf(flux`from(bucket: ${'"b"'})`)).toEqual(["a"]);
    const [{ path, body, headers } = { path: "", body: "", headers: {} }] = influx.seen;
    expect(path).toBe("/api/v2/query?org=acme");
    expect(JSON.parse(body)).toMatchObject({ query: 'from(bucket: "\\x22b\\x22")', type: "flux" });
    expect(headers.authorization).toBe("Token sesame-42");
  });

  it("takes no text: only what the tag has made", async () => {
    for (const text of ["buckets()", { toString: () => "buckets()" }, undefined])
      await expect(rowsOf(text as unknown as FluxQuery)).rejects.toMatchObject({ code: "E_ARGUMENT" });
    expect(influx.seen).toEqual([]);
  });

  it("throws what the server says before its answer and inside of it, and where the answer breaks off or stops", async () => {
    const broken: readonly [typeof influx.query, string, string][] = [
      [
        (_, r) => void r.writeHead(400, { "content-type": "application/json" }).end('{"message":"no such function"}'),
        "fatal",
        "E_INFLUX_QUERY",
      ],
      [(_, r) => void r.writeHead(404).end(), "fatal", "E_INFLUX_BUCKET"],
      [(_, r) => void r.writeHead(401).end(), "fatal", "E_INFLUX_AUTH"],
      [(_, r) => void r.writeHead(429, { "retry-after": "2" }).end(), "throttled", "E_INFLUX_THROTTLED"],
      [
        (_, r) =>
          void r.end(
            `${one}#datatype,string,string\r\n#group,true,true\r\n#default,,\r\n,error,reference\r\n,out of memory,\r\n`,
          ),
        "fatal",
        "E_INFLUX_QUERY",
      ],
      [(_, r) => void r.write(one, () => r.socket?.resetAndDestroy()), "transient", "E_INFLUX_CONNECTION"],
      [(_, r) => void r.write(one), "transient", "E_INFLUX_TIMEOUT"],
      [() => {}, "transient", "E_INFLUX_TIMEOUT"],
    ];
    for (const [answer, errorClass, code] of broken) {
      influx.query = answer;
      await expect(rowsOf(flux`x`, { timeoutMs: 100 })).rejects.toMatchObject({ class: errorClass, code });
    }
  });

  it("ends with its signal and when nobody wants more rows, and leaves no connection that waits", async () => {
    influx.query = (_, response) => void response.write(one);
    const ended = new AbortController();
    const rows = fluxQuery(at(), flux`x`, { signal: ended.signal });
    await rows.next();
    const pending = rows.next();
    ended.abort(new Error("over"));
    await expect(pending).rejects.toThrow("over");
    for await (const _ of fluxQuery(at(), flux`x`)) break;
    while ((await influx.connections()) > 0) await new Promise(setImmediate);
  });
});

describe("fluxSource", () => {
  /** As the server answers: rows of the time range, in the order of their times, as many as are asked for. */
  function serve(stored: readonly { readonly ns: bigint; readonly value: string }[]): void {
    influx.query = (body, response) => {
      const { query } = JSON.parse(body) as { query: string };
      const [start = 0n, stop = 0n] = [...query.matchAll(/time\(v: \((-?\d+)\)\)/g)].map(([, ns]) =>
        BigInt(ns as string),
      );
      const limit = Number(/limit\(n: \((\d+)\)\)/.exec(query)?.[1] ?? Number.POSITIVE_INFINITY);
      const rows = stored.filter(({ ns }) => ns >= start && ns < stop);
      // Rows of the same time in whatever order.
      const shuffled = rows.map((row) => ({
        row,
        by: Math.sin(Number(row.value.replace(/\D/g, "")) * influx.seen.length),
      }));
      shuffled.sort((a, b) => (a.row.ns < b.row.ns ? -1 : a.row.ns > b.row.ns ? 1 : a.by - b.by));
      response.end(csv(shuffled.slice(0, limit).map(({ row }) => row)));
    };
  }

  async function readAll(source: ReturnType<typeof fluxSource<string>>, from?: string) {
    const connection = await source.connect(testContext());
    const reader = await connection.open("0", from);
    const read: { value: string; offset: unknown; time: number | undefined; position: string }[] = [];
    for (let batch = await reader.read(); batch !== undefined; batch = await reader.read())
      for (const [i, value] of batch.values.entries())
        read.push({ value, offset: batch.offsets?.[i], time: batch.times?.[i], position: batch.position });
    return read;
  }

  it("gives every row once, in order, with the same offsets, whatever the pages are and wherever it goes on", async () => {
    // Many rows of one time, times of a nanosecond's distance, and gaps.
    const gap = fc.constantFrom(0n, 0n, 0n, 1n, 1_000_000n, 3_000_000_000n, 7_200_000_000_000n);
    await fc.assert(
      fc.asyncProperty(
        fc.array(gap, { maxLength: 60 }),
        fc.integer({ min: 1, max: 20 }),
        fc.nat(),
        async (gaps, pageRows, cut) => {
          let ns = 0n;
          const stored = gaps.map((each, i) => {
            ns += each;
            return { ns, value: `v${String(i).padStart(3, "0")}` };
          });
          serve(stored);
          const stop = Number(ns / 1_000_000n) + 1;
          const read = await readAll(fluxSource({ ...options(), stop, pageRows, step: "10s" }));
          expect(read.map(({ value }) => value)).toEqual(stored.map(({ value }) => value));
          expect(read.map(({ time }) => time)).toEqual(stored.map((row) => Number(row.ns / 1_000_000n)));
          const whole = await readAll(fluxSource({ ...options(), stop, pageRows: 1_000, step: "30d" }));
          expect(read.map(({ offset }) => offset)).toEqual(whole.map(({ offset }) => offset));
          expect(new Set(read.map(({ offset }) => offset)).size).toBe(read.length);
          const position = read[cut % (read.length || 1)]?.position;
          if (position === undefined) return;
          const behind = read.slice(read.findLastIndex((each) => each.position === position) + 1);
          const resumed = await readAll(fluxSource({ ...options(), stop, pageRows: 7, step: "1s" }), position);
          expect(resumed.map(({ value, offset }) => ({ value, offset }))).toEqual(
            behind.map(({ value, offset }) => ({ value, offset })),
          );
        },
      ),
      { numRuns: 50 },
    );
  }, 30_000);

  it("what can not be decoded is told with its row and its offset, beside the others with theirs", async () => {
    serve(["a", "b", "c", "d"].map((value, i) => ({ ns: BigInt(i >> 1) * 5_000_000n, value })));
    const decode = ({ _value }: { readonly _value?: unknown }): string => {
      if (_value === "b" || _value === "c") throw new Error(`no ${_value}`);
      return String(_value);
    };
    const connection = await fluxSource({ ...options(), decode }).connect(testContext());
    const batch = await (await connection.open("0", undefined)).read();
    expect(batch).toMatchObject({
      values: ["a", "d"],
      offsets: ["0#0", "5000000#1"],
      times: [0, 5],
      poison: [
        { offset: "0#1", error: { code: "E_DECODE", message: "no b" } },
        { offset: "5000000#0", error: { code: "E_DECODE", message: "no c" } },
      ],
    });
    const [first] = batch?.poison ?? [];
    expect(JSON.parse(new TextDecoder().decode(first?.raw))).toMatchObject({ _value: "b", table: "0" });
  });

  it("stays behind the clock, says when it has caught up, and waits by the clock", async () => {
    const clock = virtualClock(100_000);
    serve([
      { ns: 39_000_000_000n, value: "old" },
      { ns: 41_000_000_000n, value: "new" },
    ]);
    const { stop: _, ...following } = options();
    const connection = await fluxSource({ ...following, lateness: "1m" }).connect(testContext({ clock }));
    const reader = await connection.open("0", undefined);
    expect(await reader.read()).toMatchObject({ values: ["old"], position: "40000000000", caughtUp: true });
    const waiting = async (): Promise<void> => {
      while (clock.nextDue !== clock.now() + 1_000) await new Promise(setImmediate);
    };
    const next = reader.read();
    await waiting();
    const asked = influx.seen.length;
    await clock.advance("999ms");
    expect(influx.seen).toHaveLength(asked);
    await clock.advance("1ms");
    await waiting();
    expect(influx.seen).toHaveLength(asked + 1);
    await clock.advance("1s");
    expect(await next).toMatchObject({ values: ["new"], position: "42000000000", caughtUp: true });
    const pending = reader.read();
    await reader.close();
    expect(await pending).toBeUndefined();
    expect(clock.pending).toBe(0);
  });

  it("close() ends a query that is under way", async () => {
    influx.query = (_, response) => void response.end("\r\n");
    const connection = await fluxSource(options()).connect(testContext());
    influx.query = () => {};
    const reader = await connection.open("0", undefined);
    const pending = reader.read();
    while (influx.seen.length < 2) await new Promise(setImmediate);
    await reader.close();
    expect(await pending).toBeUndefined();
    expect(await reader.read()).toBeUndefined();
  });

  it("refuses rows without a time, and settings that make no sense", async () => {
    influx.query = (_, response) =>
      response.end("#datatype,string,long,string\r\n#group,,,\r\n#default,,,\r\n,result,table,_value\r\n,a,0,x\r\n");
    await expect(fluxSource(options()).connect(testContext())).rejects.toMatchObject({
      code: "E_INFLUX_QUERY",
      message: expect.stringContaining("pipe must keep _time"),
    });
    for (const wrong of [{ pageRows: 0 }, { pageRows: 1.5 }, { start: Number.NaN }, { stop: new Date(Number.NaN) }])
      expect(() => fluxSource({ ...options(), ...wrong })).toThrow(expect.objectContaining({ code: "E_ARGUMENT" }));
    expect(() => fluxSource({ ...options(), step: "soon" as "1s" })).toThrow(
      expect.objectContaining({ code: "E_DURATION" }),
    );
  });
});

describe("a connection", () => {
  it("is refused at the call where it can not be one, without the token in the message", async () => {
    for (const wrong of [
      { token: "sesame-42\n" },
      { token: "" },
      { url: "influx:8086" },
      { url: "ftp://x" },
      { org: "" },
    ]) {
      const failed: unknown = await ensureBucket({ ...at(), ...wrong }, "b").catch((error: unknown) => error);
      expect(failed).toMatchObject({ code: "E_ARGUMENT" });
      expect(String(failed)).not.toContain("sesame");
    }
  });

  it("tells of a server that is no InfluxDB", async () => {
    const page = createServer((_, response) => response.end("<html>welcome</html>"));
    await new Promise<void>((resolve) => page.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(page.address() as { port: number }).port}`;
    await expect(ensureBucket({ ...at(), url }, "b")).rejects.toMatchObject({
      class: "fatal",
      code: "E_INFLUX_SERVER",
    });
    const sink = influxSink({ ...at(), url, bucket: "b", points: () => [] });
    await expect(sink.connect(testContext())).rejects.toMatchObject({ class: "fatal", code: "E_INFLUX_SERVER" });
    page.close();
  });

  it("uses TLS with the certificates it is given, and refuses a server that it does not know", async () => {
    const secure = await ScriptedInflux.start(SELF_SIGNED);
    const sink = (tls: object) => influxSink<number>({ ...at(), url: secure.url, tls, bucket: "b", points: () => [] });
    const known = await sink({ ca: SELF_SIGNED.cert, servername: "millrace-test" }).connect(testContext());
    expect(await known.health?.()).toMatchObject({ status: "up" });
    await expect(sink({}).connect(testContext())).rejects.toMatchObject({
      code: "E_INFLUX_CONNECTION",
      message: expect.stringContaining("self-signed"),
    });
    await expect(sink({ ca: SELF_SIGNED.cert, servername: "other" }).connect(testContext())).rejects.toMatchObject({
      code: "E_INFLUX_CONNECTION",
    });
    await secure.stop();
  });

  it("is down when its server is", async () => {
    const connection = await influxSink<number>({ ...at(), bucket: "b", points: () => [] }).connect(testContext());
    expect(await connection.health?.()).toMatchObject({ status: "up" });
    await influx.stop();
    expect(await connection.health?.()).toMatchObject({
      status: "down",
      detail: expect.stringContaining("can not be reached"),
    });
  });
});
