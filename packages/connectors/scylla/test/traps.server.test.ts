import { setTimeout as elapsed } from "node:timers/promises";
import { type DeadLetter, from, type Logger, memoryCheckpoints, topology } from "@millrace/core";
import { testContext, testSink } from "@millrace/core/testing";
import cassandra from "cassandra-driver";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";
import { type ScyllaSinkOptions, scyllaLookup, scyllaSink, scyllaSource, timeVersion } from "../src/index.js";
import { Gateway } from "./gateway.js";
import { contactPoints, freshTable, KEYSPACE, rawClient, rowsOf } from "./tables.js";
import { writeOnce } from "./write.js";

const client = await rawClient();
afterAll(() => client.shutdown());
const place = { contactPoints: contactPoints(), keyspace: KEYSPACE };
const ENTRIES = "id text, n int, v text, big bigint, PRIMARY KEY (id, n)";

interface Entry {
  readonly id: string;
  readonly n: number;
  readonly v?: string | null;
  readonly big?: number | bigint;
}

const sinkOn = (table: string, options: Partial<ScyllaSinkOptions<Entry>> = {}) =>
  scyllaSink<Entry>({ ...place, table, row: (each) => ({ ...each }), ...options });
const texts = async (table: string): Promise<unknown[]> => (await rowsOf(client, table)).map(({ v }) => v);

describe("which of two writes counts", () => {
  it("the later one, even in one request: by the driver's clock it would be the larger value", async () => {
    const table = await freshTable(client, "twice", ENTRIES);
    await writeOnce(
      sinkOn(table),
      ["zzz", "aaa"].map((v) => ({ id: "a", n: 1, v })),
    );
    expect(await texts(table)).toEqual(["aaa"]);
    const insert = `INSERT INTO ${KEYSPACE}.${table} (id, n, v) VALUES (?, ?, ?)`;
    const plain = ["zzz", "aaa"].map((v) => ({ query: insert, params: ["b", 1, v] }));
    await client.batch(plain, { prepare: true, logged: false });
    // What our request avoids.
    expect(await texts(table)).toEqual(expect.arrayContaining(["zzz"]));
  });

  it("with versions the newest one, in whatever order and how often they come", async () => {
    const table = await freshTable(client, "versions", ENTRIES);
    const sink = (): ReturnType<typeof sinkOn> =>
      sinkOn(table, { version: ({ big }) => big ?? 0, remove: ({ v }) => v === "gone" });
    const history: Entry[] = [
      { id: "a", n: 1, v: "one", big: 1 },
      { id: "a", n: 1, v: "two", big: 2 },
      { id: "b", n: 1, v: "old", big: 1 },
      { id: "b", n: 1, v: "gone", big: 5 },
      { id: "c", n: 1, v: "gone", big: 5 },
      { id: "c", n: 1, v: "back", big: 6 },
    ];
    const expected = [
      { id: "a", n: 1, v: "two", big: 2 },
      { id: "c", n: 1, v: "back", big: 6 },
    ];
    for (const order of [history, [...history].reverse(), history.slice(0, 3), [...history, ...history].reverse()]) {
      await writeOnce(sink(), order);
      const rows = (await rowsOf(client, table)).map(({ id, n, v, big }) => ({ id, n, v, big: Number(big) }));
      expect(rows.sort((x, y) => (String(x.id) < String(y.id) ? -1 : 1))).toEqual(expected);
    }
  });

  it("a version in milliseconds is older than all that others write; timeVersion() is not", async () => {
    const table = await freshTable(client, "precision", ENTRIES);
    await client.execute(`INSERT INTO ${KEYSPACE}.${table} (id, n, v) VALUES ('a', 1, 'by the driver')`);
    const later = Date.now() + 1_000;
    await writeOnce(sinkOn(table, { version: () => later }), [{ id: "a", n: 1, v: "in milliseconds" }]);
    expect(await texts(table)).toEqual(["by the driver"]);
    await writeOnce(sinkOn(table, { version: () => timeVersion(later, 7) }), [{ id: "a", n: 1, v: "in microseconds" }]);
    expect(await texts(table)).toEqual(["in microseconds"]);
    const stamp = (await rowsOf(client, table, "writetime(v)"))[0]?.["writetime(v)"];
    expect(String(stamp)).toBe(`${later}007`);
  });

  it("a replay from the begin leaves the same contents, times of writes included", async () => {
    const table = await freshTable(client, "replay", ENTRIES);
    const values = Array.from({ length: 500 }, (_, i): Entry => ({ id: `id ${i % 7}`, n: i % 3, v: `v ${i}` }));
    const run = () =>
      from(values)
        .to(sinkOn(table, { version: "position" }), { batch: { size: 37 } })
        .run();
    await run();
    const contents = async () => JSON.stringify(await rowsOf(client, table, "id, n, v, writetime(v)"));
    const before = await contents();
    await run();
    expect(await contents()).toBe(before);
    expect(JSON.parse(before)).toHaveLength(21);
  });
});

describe("null, undefined, ttl", () => {
  it("null leaves a column as it is, unless a tombstone was asked for", async () => {
    const table = await freshTable(client, "nulls", ENTRIES);
    await writeOnce(sinkOn(table), [{ id: "a", n: 1, v: "first", big: 1n }]);
    await writeOnce(sinkOn(table), [{ id: "a", n: 1, v: null }]);
    expect(await texts(table)).toEqual(["first"]);
    await writeOnce(sinkOn(table, { nulls: "tombstone" }), [{ id: "a", n: 1, v: null }]);
    expect((await rowsOf(client, table)).map(({ v, big }) => [v, Number(big)])).toEqual([[null, 1]]);
  });

  it("a row without a ttl of its own has the table's", async () => {
    const table = await freshTable(client, "ttl", ENTRIES, " WITH default_time_to_live = 1000");
    const sink = sinkOn(table, { ttl: ({ n }) => (n === 1 ? "60s" : undefined) });
    await writeOnce(
      sink,
      [1, 2].map((n) => ({ id: "a", n, v: "v" })),
    );
    const left = (await rowsOf(client, table, "n, ttl(v)")).map((row) => row["ttl(v)"] as number);
    expect(left[0]).toBeGreaterThan(50);
    expect(left[0]).toBeLessThanOrEqual(60);
    expect(left[1]).toBeGreaterThan(900);
    const [outcome] = await writeOnce(sinkOn(table, { ttl: () => "9000d" }), [{ id: "a", n: 1, v: "v" }]);
    expect(outcome).toMatchObject({ class: "poison", message: expect.stringContaining("20 years") });
  });
});

describe("when the table changes", () => {
  it("a new column does no harm, a lost one ends the run and says why", async () => {
    const table = await freshTable(client, "changed", ENTRIES);
    const connection = await sinkOn(table).connect(testContext());
    onTestFinished(() => connection.close());
    const writer = await connection.open({ topology: "t", partitions: ["0"], lease: 1 }, undefined);
    const none = [undefined, undefined];
    const write = (id: string) =>
      writer.write(
        [1, 2].map((n) => ({ id, n, v: id })),
        {
          signal: new AbortController().signal,
          attempt: 1,
          ids: none,
          keys: none,
          times: none,
          origins: none,
        },
      );
    expect(await write("a")).toEqual(["written", "written"]);
    await client.execute(`ALTER TABLE ${KEYSPACE}.${table} ADD more text`);
    expect(await write("b")).toEqual(["written", "written"]);
    await client.execute(`ALTER TABLE ${KEYSPACE}.${table} DROP big`);
    expect(await write("c")).toMatchObject([
      { class: "fatal", code: "E_SCYLLA_SCHEMA", message: expect.stringMatching(/Undefined column name/i) },
      { class: "fatal" },
    ]);
    await client.execute(`DROP TABLE ${KEYSPACE}.${table}`);
    expect(await write("d")).toMatchObject([
      { class: "fatal", message: expect.stringContaining("does not exist") },
      {},
    ]);
  });

  it("a table that was dropped and made again is written on", async () => {
    const table = await freshTable(client, "again", ENTRIES);
    const connection = await sinkOn(table).connect(testContext());
    onTestFinished(() => connection.close());
    const writer = await connection.open({ topology: "t", partitions: ["0"], lease: 1 }, undefined);
    const call = { signal: new AbortController().signal, attempt: 1, ids: [], keys: [], times: [], origins: [] };
    await writer.write([{ id: "a", n: 1, v: "a" }], call);
    await client.execute(`DROP TABLE ${KEYSPACE}.${table}`);
    await client.execute(`CREATE TABLE ${KEYSPACE}.${table} (${ENTRIES})`);
    expect(await writer.write([{ id: "b", n: 1, v: "b" }], call)).toEqual(["written"]);
    expect(await texts(table)).toEqual(["b"]);
  });
});

describe("sizes", () => {
  it("a request that is too large is cut, and a row that is too large is named", async () => {
    const table = await freshTable(client, "large", ENTRIES);
    const values: Entry[] = Array.from({ length: 40 }, (_, n) => ({
      id: "a",
      n,
      v: "x".repeat(n === 17 ? 9_000_000 : 500_000),
    }));
    const outcomes = await writeOnce(sinkOn(table, { requests: { rows: 1_000, bytes: 100_000_000 } }), values);
    expect(outcomes.flatMap((outcome, n) => (outcome === "written" ? [] : [n]))).toEqual([17]);
    expect(outcomes[17]).toMatchObject({
      class: "poison",
      code: "E_SCYLLA_TOO_LARGE",
      message: expect.stringMatching(/^row id=a, n=17 of millrace_test/),
    });
    expect((await rowsOf(client, table, "n")).length).toBe(39);
  });

  it("what the server refuses goes to dead letters by its key, and the rest is written", async () => {
    const table = await freshTable(client, "letters", ENTRIES);
    const letters = testSink<DeadLetter<Entry>>();
    const values: Entry[] = Array.from({ length: 300 }, (_, n) => ({
      // An empty key, a key of 70,000 bytes, and a number that is none.
      id: n === 13 ? "" : n === 200 ? "k".repeat(70_000) : `id ${n % 9}`,
      n: n === 250 ? 0.5 : n,
      v: "v",
    }));
    await from(values).to(sinkOn(table), { onError: letters }).run();
    expect(letters.values.map(({ error }) => [error.class, error.message.slice(0, 24)])).toEqual([
      ["poison", "row id=, n=13 of millrac"],
      ["poison", `row id=${"k".repeat(17)}`],
      ["poison", "row id=id 7, n=0.5 of mi"],
    ]);
    expect((await rowsOf(client, table, "n")).length).toBe(297);
  });
});

describe("a client that is passed in", () => {
  it("is not closed, nor asked about retries, whatever it was told about numbers", async () => {
    const table = await freshTable(client, "client", ENTRIES);
    class Counting extends cassandra.policies.retry.RetryPolicy {
      asked = 0;
      override onUnavailable(...args: Parameters<cassandra.policies.retry.RetryPolicy["onUnavailable"]>) {
        this.asked++;
        return super.onUnavailable(...args);
      }
    }
    const retry = new Counting();
    const own = new cassandra.Client({
      contactPoints: contactPoints(),
      localDataCenter: "datacenter1",
      encoding: { useBigIntAsLong: true, map: Map, set: Set },
      policies: { retry },
      queryOptions: { isIdempotent: true },
    });
    onTestFinished(() => own.shutdown());
    const given = { client: own, keyspace: KEYSPACE, table };
    const row = (each: Entry) => ({ ...each });
    const big = 2n ** 60n + 1n;
    expect(await writeOnce(scyllaSink<Entry>({ ...given, row }), [{ id: "a", n: 1, big }])).toEqual(["written"]);
    expect(await from(scyllaSource({ ...given, row: (found) => found.big, splits: 2 })).collect()).toEqual([big]);
    const lookup = scyllaLookup<string, unknown>({
      ...given,
      key: (id) => ({ id, n: 1 }),
      value: (found) => found.big,
    });
    await lookup.connect?.(testContext());
    const call = { signal: new AbortController().signal, attempt: 1 };
    expect(await lookup.fetch(["a"], call)).toEqual(new Map([["a", big]]));
    await lookup.close?.();
    const [outcome] = await writeOnce(scyllaSink<Entry>({ ...given, row, consistency: "THREE" }), [{ id: "b", n: 1 }]);
    expect(outcome).toMatchObject({ class: "transient", code: "E_SCYLLA_UNAVAILABLE" });
    expect(retry.asked).toBe(0);
    expect((await own.execute("SELECT release_version FROM system.local")).rows.length).toBe(1);
    expect(own.listenerCount("log")).toBe(0);
  });
});

describe("what can not work fails at once, and says why", () => {
  const row = (each: Entry) => ({ ...each });
  it.each<[string, () => { connect(context: ReturnType<typeof testContext>): Promise<unknown> }, object]>([
    [
      "no such table",
      () => sinkOn("nowhere"),
      { class: "fatal", code: "E_SCYLLA_TABLE", message: /no table "nowhere" in keyspace/ },
    ],
    [
      "no such keyspace",
      () => scyllaSource({ ...place, keyspace: "nobody", table: "t", row: (found) => found }),
      { class: "fatal", code: "E_SCYLLA_TABLE", message: /keyspace "nobody"/ },
    ],
    [
      "no such datacenter",
      () => scyllaSink<Entry>({ ...place, localDataCenter: "mars", table: "t", row }),
      {
        class: "fatal",
        code: "E_SCYLLA_DATACENTER",
        message: /check localDataCenter: there is no datacenter "mars", but datacenter1/,
      },
    ],
    [
      "nobody there",
      () => scyllaSource({ ...place, contactPoints: ["127.0.0.1:9"], table: "t", row: (found) => found }),
      { class: "transient", code: "E_SCYLLA_CONNECTION", message: /no host can be reached: .*ECONNREFUSED/ },
    ],
    ["TLS where there is none", () => sinkOn("t", { ssl: true }), { code: "E_SCYLLA_CONNECTION" }],
  ])("%s", async (_, part, { message, ...wanted }: { message?: RegExp }) => {
    const began = performance.now();
    const error: unknown = await part()
      .connect(testContext())
      .then(
        () => undefined,
        (refused) => refused,
      );
    expect(error).toMatchObject(wanted);
    if (message !== undefined) expect((error as Error).message).toMatch(message);
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  it("options that can not be right, at the call", () => {
    for (const [options, message] of [
      [{ contactPoints: [] }, /at least one host/],
      [{ client }, /either client or contactPoints/],
      [{ username: "u" }, /belong together/],
      [{ keyspace: "a b" }, /letters, digits and underscores/],
      [{ version: "offset" as "position" }, /version must be/],
      [{ nulls: "skip" as "unset" }, /nulls must be/],
      [{ consistency: "MOST" as "ONE" }, /consistency must be one of/],
      [{ concurrency: 0 }, /concurrency must be/],
      [{ requests: { rows: 0 } }, /requests.rows must be/],
      [{ ttl: "1.5s" }, /whole seconds/],
    ] as const)
      expect(() => sinkOn("t", options)).toThrow(message);
  });
});

it("the driver's log events are the run's", async () => {
  const table = await freshTable(client, "logs", ENTRIES);
  const lines: string[] = [];
  const note =
    (level: string) =>
    (message: string): void =>
      void lines.push(`${level} ${message}`);
  const logger: Logger = { debug: note("debug"), info: note("info"), warn: note("warn"), error: note("error") };
  const connection = await sinkOn(table).connect(testContext({ logger }));
  await connection.close();
  expect(lines.some((line) => line.startsWith("debug Client: Connecting to cluster"))).toBe(true);
});

it("a versioned sink warns of a table whose compaction sorts by write time, unless its versions are such times", async () => {
  const table = await freshTable(
    client,
    "twcs",
    ENTRIES,
    " WITH compaction = {'class': 'TimeWindowCompactionStrategy'}",
  );
  const warnings: string[] = [];
  const logger: Logger = { debug() {}, info() {}, warn: (text) => void warnings.push(text), error() {} };
  const warned = async (options: Partial<ScyllaSinkOptions<Entry>>): Promise<number> => {
    warnings.length = 0;
    const connection = await sinkOn(table, options).connect(testContext({ logger }));
    const writer = await connection.open({ topology: "t", partitions: ["0"], lease: 1 }, undefined);
    const origin = { source: "s", partition: "0", offset: 1, index: "" };
    const call = { signal: new AbortController().signal, attempt: 1, ids: [], keys: [], times: [], origins: [origin] };
    for (const n of [1, 2]) expect(await writer.write([{ id: "a", n, v: "v" }], call)).toEqual(["written"]);
    await connection.close();
    return warnings.filter((text) => text.includes("compaction sorts by write time")).length;
  };
  expect(await warned({})).toBe(0);
  expect(await warned({ version: () => timeVersion(Date.now()) })).toBe(0);
  expect(await warned({ version: () => Date.now() })).toBe(1);
  expect(await warned({ version: "position" })).toBe(1);
});

it("a scan that is stopped goes on at its checkpoint, and every row is written once", async () => {
  const input = await freshTable(client, "in", "id text, n int, PRIMARY KEY (id, n)");
  const output = await freshTable(client, "out", "id text, n int, seen int, PRIMARY KEY (id, n)");
  await writeOnce(
    scyllaSink<Entry>({ ...place, table: input, row: ({ id, n }) => ({ id, n }) }),
    Array.from({ length: 4_000 }, (_, i) => ({ id: `id ${i % 90}`, n: i })),
  );
  const store = memoryCheckpoints();
  const seen: number[] = [];
  const part = () =>
    from(
      scyllaSource({
        ...place,
        table: input,
        row: ({ id, n }) => ({ id: String(id), n: Number(n) }),
        splits: 6,
        pageSize: 50,
      }),
    )
      .tap(({ n }) => void seen.push(n))
      .to(scyllaSink<Entry>({ ...place, table: output, row: ({ id, n }) => ({ id, n, seen: 1 }) }), {
        batch: { size: 100 },
      });
  const first = topology("scan", part()).start({ checkpoint: { every: "20ms", store } });
  while (seen.length < 1_000) await new Promise((resolve) => setTimeout(resolve, 5));
  await first.stop();
  const before = seen.length;
  expect(before).toBeLessThan(4_000);
  await topology("scan", part()).start({ checkpoint: { every: "20ms", store } }).done;
  expect(seen.length).toBe(4_000);
  expect(new Set(seen).size).toBe(4_000);
  expect((await rowsOf(client, output, "n")).length).toBe(4_000);
});

it("a client finds its server again, however long it was away, and nobody's promise is left", async () => {
  const table = await freshTable(client, "away", ENTRIES);
  const gateway = await Gateway.to(contactPoints()[0] as string);
  onTestFinished(() => gateway.down());
  const sink = scyllaSink<Entry>({ ...place, contactPoints: [gateway.point], table, row: (each) => ({ ...each }) });
  const connection = await sink.connect(testContext());
  onTestFinished(() => connection.close());
  const writer = await connection.open({ topology: "t", partitions: ["0"], lease: 1 }, undefined);
  const write = (n: number) =>
    writer.write([{ id: "a", n, v: "v" }], {
      signal: new AbortController().signal,
      attempt: 1,
      ids: [undefined],
      keys: [undefined],
      times: [undefined],
      origins: [undefined],
    });
  for (const [n, awayMs] of [200, 1_500, 3_000].entries()) {
    await gateway.down();
    for (const end = Date.now() + awayMs; Date.now() < end; await elapsed(50))
      expect(await write(n)).toMatchObject([{ class: expect.stringMatching(/transient|unknown-outcome/) }]);
    await gateway.up();
    await expect.poll(() => write(n), { timeout: 10_000 }).toEqual(["written"]);
  }
  expect((await rowsOf(client, table)).length).toBe(3);
});
