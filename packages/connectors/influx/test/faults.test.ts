import { InfluxDB } from "@influxdata/influxdb-client";
import { type DeadLetter, from, originId, type WriteContext } from "@millrace/core";
import { testContext, testSink, type VirtualClock, virtualClock } from "@millrace/core/testing";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type InfluxConnection, influxSink, type Point } from "../src/index.js";
import { type Answer, ScriptedInflux } from "./scripted-influx.js";

const TOKEN = "sesame-42";
let influx: ScriptedInflux;

beforeEach(async () => {
  influx = await ScriptedInflux.start();
});
afterEach(() => influx.stop());

const connection = (): InfluxConnection => ({ url: influx.url, token: TOKEN, org: "acme" });
const points = (n: number): Point => ({ measurement: "m", tags: { n: String(n) }, fields: { v: n }, time: 1_000 });
const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
const numberOf = (line: string): number => Number(/n=(\d+)/.exec(line)?.[1]);
const storedNumbers = (): number[] => [...influx.stored.keys()].map(numberOf).sort((a, b) => a - b);

/** Moves the clock on only where nothing is under way but what hangs, so that time passes for waits and never for work. */
async function drive(done: Promise<unknown>, clock: VirtualClock, underWay: () => number): Promise<void> {
  let over = false;
  const end = (): void => {
    over = true;
  };
  done.then(end, end);
  for (let quiet = 0; !over; ) {
    await new Promise(setImmediate);
    quiet = underWay() === influx.hanging ? quiet + 1 : 0;
    if (quiet < 10) continue;
    quiet = 0;
    await clock.set(Math.max(clock.now(), clock.nextDue));
  }
}

/** A client whose requests are counted while they are under way. */
function countedClient(): { readonly client: InfluxDB; readonly underWay: () => number } {
  const client = new InfluxDB({ url: influx.url, token: TOKEN, timeout: 0 });
  const transport = client.transport as unknown as { request(...args: unknown[]): Promise<unknown> };
  const request = transport.request.bind(transport);
  let count = 0;
  transport.request = async (...args) => {
    count++;
    try {
      return await request(...args);
    } finally {
      count--;
    }
  };
  return { client, underWay: () => count };
}

interface Outcome {
  readonly clock: VirtualClock;
  readonly dead: readonly DeadLetter<number>[];
  /** When each write came, by the run's clock. */
  readonly at: readonly number[];
}

/** Runs a topology over the scripted server to its end. */
async function run(
  values: readonly number[],
  size: number,
  make = points as (n: number) => Point | Point[],
  api: "v2" | "v3" = "v2",
): Promise<Outcome> {
  const clock = virtualClock(1_000_000);
  const { client, underWay } = countedClient();
  const dead = testSink<DeadLetter<number>>();
  const at: number[] = [];
  const sink = influxSink<number>({ client, org: "acme", bucket: "b", points: make, timeoutMs: 20_000, api });
  const counted: typeof sink = {
    ...sink,
    connect: async (context) => {
      const opened = await sink.connect(context);
      return {
        ...opened,
        open: async (...args) => {
          const writer = await opened.open(...args);
          return {
            write: (batch, writing) => {
              at.push(clock.now());
              return writer.write(batch, writing);
            },
            close: () => writer.close(),
          };
        },
      };
    },
  };
  const done = from(values)
    .to(counted, { onError: dead, batch: { size }, retry: { attempts: 50, maxDelay: "5s", maxElapsed: "60m" } })
    .run({ clock, random: () => 0.5 });
  await drive(done, clock, underWay);
  await done;
  return { clock, dead: dead.values, at };
}

describe("influxSink against a server that fails", () => {
  it("loses nothing that it acknowledged, whatever the server does", async () => {
    const answer: fc.Arbitrary<Answer> = fc.oneof(
      fc.constantFrom<Answer>(
        {},
        { hang: true },
        { hang: true, stored: "all" },
        { reset: "before" },
        { reset: "before", stored: "all" },
        { reset: "inside", stored: "half" },
        { status: 503 },
        { status: 503, stored: "half", headers: { "retry-after": "3" } },
        { status: 429, headers: { "retry-after": "2" } },
        { status: 500, stored: "half" },
        { status: 502 },
        { status: 504, stored: "all" },
        { status: 413 },
        { status: 400, message: "partial write", stored: "half" },
        { status: 422, message: "partial write", stored: "half" },
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(answer, { maxLength: 12 }), fc.integer({ min: 1, max: 40 }), async (script, size) => {
        influx.stored.clear();
        influx.script.splice(0, Number.POSITIVE_INFINITY, ...script);
        const { dead } = await run(numbers(60), size);
        // A single line that was refused is a dead letter; everything else is stored.
        const missing = numbers(60).filter((n) => !storedNumbers().includes(n));
        const letters = dead.map(({ value }) => value);
        expect(missing.filter((n) => !letters.includes(n))).toEqual([]);
        for (const { error } of dead)
          expect(error).toMatchObject({ class: "poison", message: expect.stringMatching(/\(m,n=\d+ \d+\)/) });
      }),
      { numRuns: 40 },
    );
  }, 60_000);

  for (const [name, status, stored] of [
    ["400 that stores nothing", 400, () => []],
    [
      "422 that stores the others",
      422,
      (lines: readonly string[], bad: (line: string) => boolean) => lines.filter((line) => !bad(line)),
    ],
  ] as const)
    it(`names every poison line, and only those, after a ${name}`, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.uniqueArray(fc.nat(99), { maxLength: 12 }),
          fc.integer({ min: 1, max: 100 }),
          async (poison, size) => {
            influx.stored.clear();
            const bad = (line: string): boolean => poison.includes(numberOf(line));
            influx.rules = (lines) => {
              if (!lines.some(bad)) return undefined;
              for (const line of stored(lines, bad)) influx.stored.set(line, 1);
              return { status, message: `refused ${lines.filter(bad).length}` };
            };
            const { dead } = await run(numbers(100), size);
            const refused = [...poison].sort((a, b) => a - b);
            expect(dead.map(({ value }) => value)).toEqual(refused);
            for (const { value, error } of dead)
              expect(error).toMatchObject({
                class: "poison",
                code: "E_INFLUX_REFUSED",
                message: expect.stringContaining(`(m,n=${value} `),
              });
            expect(storedNumbers()).toEqual(numbers(100).filter((n) => !poison.includes(n)));
          },
        ),
        { numRuns: 15 },
      );
    }, 60_000);

  it("of a value with several points names the refused ones and writes the others", async () => {
    influx.rules = (lines) =>
      lines.some((line) => /n=[36]\b/.test(line)) ? { status: 400, message: "bad" } : undefined;
    const { dead } = await run([0], 10, () => numbers(9).map(points));
    expect(dead).toHaveLength(1);
    expect(dead[0]?.error.message).toMatch(/bad \(m,n=3 \d+\); .*bad \(m,n=6 \d+\)$/);
    expect(storedNumbers()).toEqual([0, 1, 2, 4, 5, 7, 8]);
  });

  it("of several values with several points gives up those that have a refused one, and writes all other points", async () => {
    influx.rules = (lines) => (lines.some((line) => /n=13\b/.test(line)) ? { status: 400, message: "bad" } : undefined);
    // Values without points before and behind: the one that writes is not the first.
    const { dead } = await run(numbers(6), 6, (n) => (n % 2 === 0 ? [] : [n, n + 10, n + 20].map(points)));
    expect(dead.map(({ value }) => value)).toEqual([3]);
    expect(storedNumbers()).toEqual([1, 3, 5, 11, 15, 21, 23, 25]);
    const alone = await run(numbers(2), 2, (n) => (n === 0 ? [] : [30, 13, 31].map(points)));
    expect(alone.dead.map(({ value }) => value)).toEqual([1]);
    expect(storedNumbers()).toEqual([1, 3, 5, 11, 15, 21, 23, 25, 30, 31]);
  });

  it("tries a value again whose points are refused while a server comes and goes: only what it refuses is named", async () => {
    let writes = 0;
    influx.rules = (lines) => {
      if (lines.some((line) => line.includes("n=3"))) return { status: 400, message: "bad" };
      return ++writes === 2 ? { status: 503 } : undefined;
    };
    const { dead } = await run([0], 1, () => numbers(8).map(points));
    expect(dead).toHaveLength(1);
    expect(dead[0]?.error.message).toMatch(/^[^;]*bad \(m,n=3 \d+\)$/);
    expect(storedNumbers()).toEqual([0, 1, 2, 4, 5, 6, 7]);
  });

  it("of a value with a point that is none writes the others, and one whose points() throws is refused alone", async () => {
    const { dead } = await run([0, 1, 2], 10, (n) => {
      if (n === 1) throw new Error("no points of one");
      return [points(n), { ...points(n + 10), fields: { v: n === 2 ? Number.NaN : 1 } }, points(n + 20)];
    });
    expect(dead.map(({ value, error }) => [value, error.code])).toEqual([
      [1, "E_INFLUX_POINT"],
      [2, "E_INFLUX_POINT"],
    ]);
    expect(storedNumbers()).toEqual([0, 2, 10, 20, 22]);
  });

  it("of InfluxDB 3's partial writes names every line, with its reason and without what others hold", async () => {
    const bad = (line: string): boolean => /n=(3|77)\b/.test(line);
    influx.rules = (lines) => {
      if (!lines.some(bad)) return undefined;
      for (const line of lines) if (!bad(line)) influx.stored.set(line, 1);
      const data = lines.flatMap((line, i) =>
        bad(line) ? [{ original_line: line, line_number: i + 1, error_message: "invalid column type" }] : [],
      );
      return { status: 400, body: { error: "partial write of line protocol occurred", data } };
    };
    const { dead } = await run(numbers(100), 100, points, "v3");
    expect(dead.map(({ value, error }) => [value, error.class])).toEqual([
      [3, "poison"],
      [77, "poison"],
    ]);
    expect(dead[0]?.error.message).toMatch(
      /^InfluxDB answered 400: partial write of line protocol occurred: invalid column type \(m,n=3 \d+\)$/,
    );
    expect(storedNumbers()).toEqual(numbers(100).filter((n) => n !== 3 && n !== 77));
    expect(influx.writes.every(({ path }) => path.startsWith("/api/v3/write_lp?db=b&"))).toBe(true);
  });

  it("splits what is too large, and gives up a single point that is", async () => {
    influx.rules = (lines) =>
      lines.length > 10 || lines.some((line) => line.includes("n=7,")) ? { status: 413 } : undefined;
    const { dead } = await run(numbers(100), 100, (n) => ({ ...points(n), tags: { n: String(n), x: "y" } }));
    expect(dead.map(({ value, error }) => [value, error.code])).toEqual([[7, "E_INFLUX_TOO_LARGE"]]);
    expect(storedNumbers()).toEqual(numbers(100).filter((n) => n !== 7));
  });

  it("waits as long as Retry-After says: seconds, or a date", async () => {
    const date = new Date(5_000_000).toUTCString();
    const later = new Date(5_090_000).toUTCString();
    influx.script.push(
      { status: 429, headers: { "retry-after": "5" } },
      { status: 503, headers: { "retry-after": "40" } },
      { status: 429, headers: { date, "retry-after": later } },
    );
    const { at } = await run([1], 1);
    const waits = at.slice(1).map((time, i) => time - (at[i] as number));
    expect(waits).toHaveLength(3);
    [5_000, 40_000, 90_000].forEach((wait, i) => {
      expect(waits[i]).toBeGreaterThanOrEqual(wait);
      expect(waits[i]).toBeLessThan(wait + 1_000);
    });
    expect(storedNumbers()).toEqual([1]);
  });

  it("gives up an answer that does not come, closes its connection, and writes again", async () => {
    influx.script.push({ hang: true });
    const { at } = await run([1], 1);
    expect((at[1] as number) - (at[0] as number)).toBeGreaterThanOrEqual(20_000);
    expect(storedNumbers()).toEqual([1]);
    // One that is kept alive for the next request, none that hangs.
    expect(await influx.connections()).toBeLessThanOrEqual(1);
  });

  it("keeps points of one series and millisecond apart, and writes a replay over itself, in whatever batches", async () => {
    const same = (n: number): Point[] => [n, -n].map((v) => ({ measurement: "m", fields: { v }, time: 5 }));
    await run(numbers(500), 100, same);
    const first = new Set(influx.stored.keys());
    expect(new Set([...first].map((line) => line.split(" ")[2])).size).toBe(1_000);
    await run(numbers(500), 7, same);
    expect(new Set(influx.stored.keys())).toEqual(first);
    expect([...influx.stored.values()]).toEqual([...first].map(() => 2));
  });
});

describe("one write", () => {
  const context = (count: number, signal = new AbortController().signal): WriteContext => {
    const origins = numbers(count).map((offset) => ({ source: "s", partition: "0", offset, index: "" }));
    return { signal, attempt: 1, ids: origins.map(originId), keys: [], times: [], origins };
  };
  const writer = async (options = {}, clock = virtualClock()) => {
    const sink = influxSink<number>({ ...connection(), bucket: "b & c", points, ...options });
    return (await sink.connect(testContext({ clock }))).open({ topology: "t", partitions: ["0"], lease: 0 }, undefined);
  };

  it("is one request: lines of line protocol, compressed when large, with the token", async () => {
    const one = await writer();
    await one.write([1, 2], context(2));
    await one.write(numbers(200), context(200));
    const [small, large] = influx.writes;
    expect(influx.writes).toHaveLength(2);
    expect(small).toMatchObject({ method: "POST", path: "/api/v2/write?org=acme&bucket=b%20%26%20c&precision=ns" });
    expect(small?.body).toMatch(/^m,n=1 v=1 1000\d{6}\nm,n=2 v=2 1000\d{6}$/);
    expect(small?.headers).toMatchObject({
      authorization: `Token ${TOKEN}`,
      "content-type": "text/plain; charset=utf-8",
    });
    expect(small?.headers["content-encoding"]).toBeUndefined();
    expect(large?.headers["content-encoding"]).toBe("gzip");
    expect(large?.body.split("\n")).toHaveLength(200);
  });

  it("goes to InfluxDB 3's own endpoint where that is asked for", async () => {
    await (await writer({ api: "v3" })).write([1], context(1));
    expect(influx.writes[0]).toMatchObject({
      path: "/api/v3/write_lp?db=b%20%26%20c&precision=nanosecond&accept_partial=true",
      headers: { authorization: `Bearer ${TOKEN}` },
    });
  });

  it("is acknowledged by a 204 only", async () => {
    const one = await writer();
    for (const status of [200, 202, 302]) {
      influx.script.push({ status });
      await expect(one.write([1], context(1))).rejects.toMatchObject({ class: "fatal", code: "E_INFLUX_SERVER" });
    }
  });

  it("ends with its signal, without leaving a listener on it", async () => {
    const one = await writer();
    const ended = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = ended.signal;
    ended.signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners++;
      addEventListener.apply(ended.signal, args);
    };
    ended.signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners--;
      removeEventListener.apply(ended.signal, args);
    };
    for (let i = 0; i < 20; i++) await one.write([i], context(1, ended.signal));
    expect(listeners).toBe(0);
    influx.script.push({ hang: true });
    const hanging = one.write([1], context(1, ended.signal));
    ended.abort(new Error("over"));
    await expect(hanging).rejects.toThrow("over");
    await expect(one.write([1], context(1, ended.signal))).rejects.toThrow("over");
  });

  it("has a class for every failure, and the token in none", async () => {
    const one = await writer();
    const cases: readonly [Answer, string, string][] = [
      [{ status: 400 }, "poison", "E_INFLUX_REFUSED"],
      [{ status: 422 }, "poison", "E_INFLUX_REFUSED"],
      [{ status: 413 }, "poison", "E_INFLUX_TOO_LARGE"],
      [{ status: 401 }, "fatal", "E_INFLUX_AUTH"],
      [{ status: 403 }, "fatal", "E_INFLUX_AUTH"],
      [{ status: 404 }, "fatal", "E_INFLUX_BUCKET"],
      [{ status: 429 }, "throttled", "E_INFLUX_THROTTLED"],
      [{ status: 503 }, "throttled", "E_INFLUX_THROTTLED"],
      [{ status: 500 }, "transient", "E_INFLUX_SERVER"],
      [{ status: 408 }, "transient", "E_INFLUX_SERVER"],
      [{ reset: "before" }, "transient", "E_INFLUX_CONNECTION"],
      [{ reset: "inside" }, "transient", "E_INFLUX_CONNECTION"],
    ];
    for (const [answer, errorClass, code] of cases) {
      influx.script.push(answer);
      const failed: unknown = await (one.write([1], context(1)) as Promise<unknown>).catch((error: unknown) => error);
      expect(failed, JSON.stringify(answer)).toMatchObject({ class: errorClass, code });
      const { inspect } = await import("node:util");
      expect(inspect(failed, { depth: 12, showHidden: true })).not.toContain(TOKEN);
    }
  });
});
