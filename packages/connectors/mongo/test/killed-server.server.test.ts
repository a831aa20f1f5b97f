import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as elapsed } from "node:timers/promises";
import { from, topology } from "@millrace/core";
import { sinkChecks, sourceChecks, testContext, testSink, virtualClock } from "@millrace/core/testing";
import type { Document } from "mongodb";
import { afterAll, describe, expect, it } from "vitest";
import { parseEnv, testbed } from "../../../../testbed/command-line.js";
import { Program } from "../../../../testbed/program.js";
import { goOn, standStill } from "../../../../testbed/stand-still.js";
import { mongoChanges, mongoCheckpoints, mongoSink, mongoSource } from "../src/index.js";
import { MongoPayload } from "../src/mongo-system.js";
import { type TestDatabase, testDatabase } from "./databases.js";

/** A server of our own, which nobody else misses while it is dead, and which fails on demand. */
const folder = await mkdtemp(join(tmpdir(), "millrace-mongo-"));
const own = testbed("mongo", {
  TESTBED_RUN: folder,
  MONGO_PORT: process.env.MONGO_KILL_PORT ?? "28017",
  MONGO_ARGS: "--enable-test-commands",
});
await own("up");
const { MONGO_URL: url = "" } = parseEnv(await own("env"));

async function killAndRestart(): Promise<void> {
  await own("kill");
  await own("up");
}

afterAll(async () => {
  await own("wipe");
  await rm(folder, { recursive: true, force: true });
});

interface Row {
  readonly _id: string;
  readonly n: number;
}
const row = (n: number): Row => ({ _id: `id ${String(n).padStart(6, "0")}`, n });
const retry = { attempts: 60, delay: "100ms", maxDelay: "1s" } as const;

it("what was acknowledged is there when the server is killed while a topology writes, and a reader of changes reads on", async () => {
  const { db, database, contents, drop } = await testDatabase(url);
  const out = await db.createCollection<Row>("out");
  // This server writes some hundred documents a second durably.
  const count = 2_000;
  const values = Array.from({ length: count }, (_, n) => row(n));
  const read = testSink<number>();
  const reading = from(
    mongoChanges({ url, database, collection: "out", maxAwaitMs: 200, decode: ({ document }) => Number(document?.n) }),
  )
    .to(read)
    .start();
  const seen = (): number => new Set(read.values).size - 1;
  let failed: unknown;
  reading.done.catch((error) => {
    failed = error;
  });
  const giveUpAt = Date.now() + 150_000;
  const until = async (done: () => boolean): Promise<void> => {
    while (!done()) {
      if (failed !== undefined) throw failed;
      // In words, instead of the runner's deadline.
      if (Date.now() > giveUpAt)
        throw new Error(`after 150 s: ${await out.countDocuments()} documents, ${seen()} of ${count} read`);
      await elapsed(20);
    }
  };
  // The moment this server names may have a write that is not to be seen yet: so none is made before the reader has its moment.
  await out.insertOne(row(-1));
  await until(() => read.values.includes(-1));
  const writing = from(values)
    .to(
      mongoSink<Row>({
        url,
        database,
        collection: "out",
        batch: { size: 100 },
        write: (document) => ({ kind: "replace", document: { ...document } }),
      }),
      { retry },
    )
    .start();
  writing.done.catch((error) => {
    failed = error;
  });
  await until(() => seen() > count / 4);
  await killAndRestart();
  await until(() => seen() > count / 2);
  await killAndRestart();
  await writing.done;
  expect(await contents("out")).toEqual([row(-1), ...values]);
  await until(() => seen() === count);
  await reading.stop();
  await drop();
}, 180_000);

it("state, positions and documents of a checkpointed run are of one moment when the server is killed", async () => {
  const { db, database, contents, drop } = await testDatabase(url);
  for (const name of ["in", "out"]) await db.createCollection(name);
  const count = 3_000;
  await db.collection("in").insertMany(Array.from({ length: count }, (_, n) => ({ n })));
  const mongo = { url, database };
  const counted = from(
    mongoSource<number>({ ...mongo, collection: "in", batchSize: 200, decode: ({ n }) => Number(n) }),
  )
    .keyBy((n) => n % 7)
    .stateful("count", {
      init: () => 0,
      onValue: (sum: number, n: number, { key }) => [sum + 1, { key, sum: sum + 1, n }],
    })
    .throttle({ elements: 1_500, per: "1s", name: "slow" });
  const sink = mongoSink<{ key: unknown; sum: number; n: number }>({
    ...mongo,
    collection: "out",
    writes: "append",
    write: (line) => ({ kind: "model", model: { insertOne: { document: { ...line } } } }),
  });
  const start = () =>
    topology("one-moment", counted.to(sink)).start({
      checkpoint: { every: "200ms", store: mongoCheckpoints(mongo), timeout: "20s" },
    });
  let run = start();
  let starts = 1;
  run.done.catch(() => {});
  // In the middle: some is committed, and most is still to come.
  while ((await db.collection("out").countDocuments()) === 0) await elapsed(20);
  await killAndRestart();
  for (;;) {
    const ended = await run.done.then(
      () => "done",
      () => "failed",
    );
    if (ended === "done") break;
    expect(++starts).toBeLessThan(20);
    run = start();
  }
  const lines = await contents("out");
  expect(lines.length).toBe(count);
  expect(new Set(lines.map(({ n }) => n)).size).toBe(count);
  for (let key = 0; key < 7; key++) {
    const sums = lines.filter((line) => line.key === key).map(({ sum }) => Number(sum));
    expect(sums.sort((a, b) => a - b)).toEqual(sums.map((_, i) => i + 1));
  }
  await drop();
}, 180_000);

/** The suites as a whole run on the testbed's server; here only what needs a kill. */
const killed = (checks: readonly { readonly name: string; run(): Promise<void> }[]): void => {
  for (const { name, run } of checks.filter((check) => check.name.includes("killed"))) it(name, run, 180_000);
};

const stored = async (values: readonly Row[], make: (at: TestDatabase) => ReturnType<typeof mongoSource<Row>>) => {
  const at = await testDatabase(url);
  const collection = await at.db.createCollection<Row>("in");
  const append = async (more: readonly Row[]): Promise<void> => {
    if (more.length > 0) await collection.insertMany([...more], { writeConcern: { w: "majority", journal: true } });
  };
  await append(values);
  return { source: () => make(at), append, teardown: at.drop };
};

killed(
  sourceChecks<Row>({
    setup: (values) =>
      stored(values, ({ database }) =>
        mongoSource<Row>({ url, database, collection: "in", decode: (found) => found as Row }),
      ),
    sample: row,
    kill: killAndRestart,
  }),
);

killed(
  sourceChecks<Row>({
    setup: (values) =>
      stored(values, ({ database }) =>
        mongoChanges<Row>({
          url,
          database,
          collection: "in",
          maxAwaitMs: 100,
          decode: ({ document }) => document as Row,
        }),
      ),
    sample: row,
    kill: killAndRestart,
  }),
);

killed(
  sinkChecks<Row>({
    async setup() {
      const { db, database, contents, drop } = await testDatabase(url);
      await db.createCollection("out");
      return {
        sink: () =>
          mongoSink<Row>({
            url,
            database,
            collection: "out",
            write: (document) => ({ kind: "insertIgnore", document: { ...document } }),
          }),
        contents: async () => (await contents("out")) as unknown as Row[],
        teardown: drop,
      };
    },
    sample: row,
    kill: killAndRestart,
  }),
);

describe("faults that the server is told to make", () => {
  /** Fails the next commands of clients with this name, and of no other. */
  const fail = (at: TestDatabase, appName: string, data: Document, mode: unknown = { times: 1 }): Promise<Document> =>
    at.client.db("admin").command({ configureFailPoint: "failCommand", mode, data: { appName, ...data } });

  it.each([
    ["a primary that is none any more", { failCommands: ["update"], errorCode: 10_107 }, "transient", "E_MONGO_10107"],
    ["a server that shuts down", { failCommands: ["update"], errorCode: 91 }, "transient", "E_MONGO_91"],
    [
      "a connection that breaks",
      { failCommands: ["update"], closeConnection: true },
      "unknown-outcome",
      "E_MONGO_CONNECTION",
    ],
    [
      "a majority that does not confirm",
      { failCommands: ["update"], writeConcernError: { code: 64, errmsg: "waiting for replication timed out" } },
      "unknown-outcome",
      "E_MONGO_WRITE_CONCERN",
    ],
    ["a right that is missing", { failCommands: ["update"], errorCode: 13 }, "fatal", "E_MONGO_AUTH"],
    ["a write conflict", { failCommands: ["update"], errorCode: 112 }, "conflict", "E_MONGO_112"],
  ] as const)("%s", async (_, data, errorClass, code) => {
    const at = await testDatabase(url);
    const { database, db, contents, drop } = at;
    await db.createCollection("out");
    const sink = mongoSink<Row>({
      url,
      database,
      options: { appName: "faulty" },
      collection: "out",
      write: (document) => ({ kind: "replace", document: { ...document } }),
    });
    const connection = await sink.connect(testContext());
    const writer = await connection.open({ topology: "t", partitions: ["0"], lease: 1 }, undefined);
    const context = { signal: new AbortController().signal, attempt: 1, ids: [], keys: [], times: [], origins: [] };
    const values = [row(1), row(2), row(3)];
    await fail(at, "faulty", data);
    await expect(writer.write(values, context)).rejects.toMatchObject({ class: errorClass, code });
    // Once more, as the engine does.
    expect(await writer.write(values, { ...context, attempt: 2 })).toEqual(["written", "written", "written"]);
    expect(await contents("out")).toEqual(values);
    await writer.close();
    await connection.close();
    await drop();
  });

  it("a write without an answer is not repeated by a sink that says it must not be", async () => {
    const at = await testDatabase(url);
    await at.db.createCollection("out");
    const sink = mongoSink<number>({
      url,
      database: at.database,
      options: { appName: "counts" },
      collection: "out",
      writes: "append",
      write: (n) => ({
        kind: "model",
        model: { updateOne: { filter: { n: 1 }, update: { $inc: { sum: n } }, upsert: true } },
      }),
    });
    await fail(at, "counts", { failCommands: ["update"], closeConnection: true });
    await expect(from([1]).to(sink).run()).rejects.toThrow(/after 1 try: E_MONGO_CONNECTION/);
    await from([1, 2]).to(sink).run();
    expect(await at.contents("out")).toMatchObject([{ n: 1, sum: 3 }]);
    await at.drop();
  });

  it("a cursor that the server has thrown away is begun again where it was", async () => {
    const at = await testDatabase(url);
    await at.db.collection<Row>("in").insertMany(Array.from({ length: 500 }, (_, n) => row(n)));
    await fail(at, "reads", { failCommands: ["getMore"], errorCode: 43 }, { times: 2 });
    const source = mongoSource({
      url,
      database: at.database,
      options: { appName: "reads" },
      collection: "in",
      batchSize: 100,
      decode: ({ n }) => Number(n),
    });
    expect(await from(source).collect()).toEqual(Array.from({ length: 500 }, (_, n) => n));
    await at.drop();
  });

  it("a connection that breaks while a collection is read: nothing is missing, nothing twice", async () => {
    const at = await testDatabase(url);
    await at.db.collection<Row>("in").insertMany(Array.from({ length: 500 }, (_, n) => row(n)));
    await fail(at, "breaks", { failCommands: ["getMore"], closeConnection: true }, { times: 3 });
    const source = mongoSource({
      url,
      database: at.database,
      options: { appName: "breaks" },
      collection: "in",
      batchSize: 100,
      decode: ({ n }) => Number(n),
    });
    expect(await from(source).collect()).toEqual(Array.from({ length: 500 }, (_, n) => n));
    await at.drop();
  });

  it("a snapshot whose moment the server no longer keeps goes on as of a later one; the stream leaves out what is in it", async () => {
    const at = await testDatabase(url);
    const { db, database } = at;
    const rows = Array.from({ length: 300 }, (_, n) => row(n));
    await db.collection<Row>("in").insertMany(rows);
    const source = mongoChanges<string>({
      url,
      database,
      options: { appName: "old" },
      collection: "in",
      batchSize: 100,
      maxAwaitMs: 100,
      decode: ({ kind, id, document }) => `${kind} ${String(id)} ${document?.n}`,
    });
    const connection = await source.connect(testContext());
    const reader = await connection.open("0", undefined);
    const seen = [...((await reader.read())?.values ?? [])];
    // Behind what is read by now, and in it.
    await db.collection<Row>("in").updateOne({ _id: row(250)._id }, { $set: { n: -250 } });
    await db.collection<Row>("in").updateOne({ _id: row(50)._id }, { $set: { n: -50 } });
    await db.collection<Row>("in").deleteOne({ _id: row(251)._id });
    await fail(at, "old", { failCommands: ["getMore"], errorCode: 239 });
    let position = "";
    for (let batch = await reader.read(); batch?.caughtUp !== true; batch = await reader.read()) {
      seen.push(...(batch?.values ?? []));
      position = batch?.position ?? position;
    }
    expect(seen).toEqual([
      ...rows.slice(0, 250).map(({ _id, n }) => `snapshot ${_id} ${n}`),
      `snapshot ${row(250)._id} -250`,
      ...rows.slice(252).map(({ _id, n }) => `snapshot ${_id} ${n}`),
      `update ${row(50)._id} -50`,
    ]);
    // Also where it is taken up again with what it has saved.
    await reader.close();
    const later = await connection.open("0", position);
    expect((await later.read())?.values).toEqual([]);
    await later.close();
    await connection.close();
    await at.drop();
  });

  it("changes that the oplog no longer holds: the run fails in words, or everything is read anew", async () => {
    const at = await testDatabase(url);
    await at.db.collection<Row>("in").insertMany([row(1), row(2)]);
    const make = (onLostHistory: "fail" | "snapshot") =>
      mongoChanges<string>({
        url,
        database: at.database,
        options: { appName: "lost" },
        collection: "in",
        maxAwaitMs: 100,
        onLostHistory,
        decode: ({ kind, id }) => `${kind} ${String(id)}`,
      });
    for (const policy of ["fail", "snapshot"] as const) {
      const connection = await make(policy).connect(testContext());
      const first = await connection.open("0", undefined);
      let position = "";
      for (let i = 0; i < 3; i++) position = (await first.read())?.position ?? position;
      await first.close();
      await fail(at, "lost", {
        failCommands: ["aggregate"],
        errorCode: 286,
        errorLabels: ["NonResumableChangeStreamError"],
      });
      const resumed = await connection.open("0", position);
      if (policy === "fail")
        await expect(resumed.read()).rejects.toThrow(/E_MONGO_HISTORY: source "in": MongoDB no longer has the changes/);
      else {
        const again = await resumed.read();
        expect(again?.values).toEqual([`snapshot ${row(1)._id}`, `snapshot ${row(2)._id}`]);
        expect(connection.comparePositions(position, again?.position ?? "")).toBeLessThan(0);
      }
      await resumed.close();
      await connection.close();
    }
    await at.drop();
  });

  const delta = (epoch: number, payloads: readonly unknown[] = []) => ({
    format: 1 as const,
    epoch,
    ended: false,
    topologyHash: "h",
    mode: "one" as const,
    positions: new Map(),
    partitionCounts: new Map(),
    time: { processing: 0, watermarks: new Map() },
    sinkStates: new Map(),
    changes: [],
    commits: payloads.map((payload) => ({ sink: "out", payload })),
  });

  it("a commit of a checkpoint without an answer is either there or never will be", async () => {
    const at = await testDatabase(url);
    const store = mongoCheckpoints({ url, database: at.database, options: { appName: "commits" } });
    await at.db.createCollection("out");
    const connection = await store.connect(testContext());
    const { number } = await connection.lease("t");
    await connection.commit("t", number, delta(1));
    await fail(at, "commits", { failCommands: ["update"], closeConnection: true });
    await expect(connection.commit("t", number, delta(2))).rejects.toMatchObject({ class: "unknown-outcome" });
    const newest = await connection.latestEpoch("t", number);
    expect([1, 2]).toContain(newest);
    await connection.commit("t", number, delta(3));
    expect(await connection.latestEpoch("t", number)).toBe(3);
    await connection.close();
    await at.drop();
  });

  it("a lease is renewed while a commit takes its time", async () => {
    const at = await testDatabase(url);
    const clock = virtualClock();
    const store = mongoCheckpoints({ url, database: at.database, options: { appName: "slow" } });
    const connection = await store.connect(testContext({ clock }));
    const { number } = await connection.lease("t");
    const tasks = at.db.collection<{ _id: string; renewedMs: number }>("millrace_checkpoints");
    const renewedMs = async (): Promise<number> => (await tasks.findOne({ _id: "t" }))?.renewedMs ?? -1;
    const began = await renewedMs();
    await fail(at, "slow", { failCommands: ["insert"], blockConnection: true, blockTimeMS: 4_000 });
    let committed = false;
    const commit = connection
      .commit("t", number, { ...delta(1), changes: [["s", Buffer.from("k"), Buffer.from("v")]] })
      .then(() => {
        committed = true;
      });
    await clock.advance("5s");
    while ((await renewedMs()) === began) await elapsed(20);
    expect([(await renewedMs()) - began, committed]).toEqual([5_000, false]);
    await commit;
    await connection.close();
    await at.drop();
  });

  it("a transaction that another one gets in the way of is tried again, but not for ever", async () => {
    const at = await testDatabase(url);
    const { database, db, contents, drop } = at;
    await db.createCollection("out");
    const store = mongoCheckpoints({ url, database, options: { appName: "conflicts" } });
    const connection = await store.connect(testContext());
    const { number } = await connection.lease("t");
    const payload = (id: string) =>
      new MongoPayload(store.system ?? "", database, "out", [{ kind: "set", id, fields: { n: 1 } }]);
    const conflict = { failCommands: ["update"], errorCode: 112, errorLabels: ["TransientTransactionError"] };
    await fail(at, "conflicts", conflict, { times: 4 });
    await connection.commit("t", number, delta(1, [payload("a")]));
    await fail(at, "conflicts", conflict, "alwaysOn");
    await expect(connection.commit("t", number, delta(2, [payload("b")]))).rejects.toMatchObject({ class: "conflict" });
    await fail(at, "conflicts", {}, "off");
    expect(await connection.latestEpoch("t", number)).toBe(1);
    expect((await contents("out")).map(({ _id }) => _id)).toEqual(["a"]);
    await connection.close();
    await drop();
  });
});

it("health answers within its time though the server stands still", async () => {
  const { db, database, drop } = await testDatabase(url);
  await db.createCollection("in");
  const connection = await mongoSource({ url, database, collection: "in", decode: (document) => document }).connect(
    testContext(),
  );
  const { pid } = (await db.admin().command({ serverStatus: 1 })) as unknown as { pid: number };
  expect(await connection.health?.()).toMatchObject({ status: "up" });
  await standStill(Number(pid));
  try {
    expect(await connection.health?.()).toMatchObject({ status: "down", detail: "no answer within 2000 ms" });
  } finally {
    goOn(Number(pid));
  }
  await connection.close();
  await drop();
});

it("holds no more than 64 MB while a sink stalls in front of a million values, and loses none", async () => {
  const { db, database, client } = await testDatabase(url);
  const million = await db.createCollection<{ _id: number; text: string }>("million");
  const count = 1_000_000;
  // The server needs minutes for a million documents.
  for (let from = 0; from < count / 50; from += 10_000)
    await million.insertMany(
      Array.from({ length: 10_000 }, (_, i) => ({ _id: from + i, text: "x".repeat(1_000) })),
      { ordered: false },
    );
  const program = new Program(import.meta.url, "stalled-sink", [url, database], ["--expose-gc"]);
  expect(await program.ended, program.output).toMatchObject({ code: 0 });
  const {
    count: came,
    whileStalled,
    grownMB,
  } = JSON.parse(program.output) as { count: number; whileStalled: number; grownMB: number };
  console.log(`grown by ${grownMB} MB`);
  expect(came).toBe(count);
  expect(whileStalled).toBe(0);
  expect(grownMB).toBeLessThan(64);
  // This server needs minutes to drop so much; it is wiped with everything.
  await client.close();
}, 300_000);

it("holds no more than 64 MB while the server stands still in front of a million values, and writes them all in the end", async () => {
  const { db, database, client } = await testDatabase(url);
  await db.createCollection("out");
  const count = 1_000_000;
  const program = new Program(import.meta.url, "stalled-server", [url, database, String(count)], ["--expose-gc"]);
  expect(await program.printed(/emitted [1-9]\d{4,}/), program.output).toBe(true);
  const { pid } = (await db.admin().command({ serverStatus: 1 })) as unknown as { pid: number };
  await standStill(Number(pid));
  const printed = program.output.length;
  // It is full: of the counts that are printed every 250 ms, twelve in a row are equal, and not the last.
  while (!/emitted (\d+)\n(?:emitted \1\n){11}/.test(program.output.slice(printed))) await elapsed(50);
  goOn(Number(pid));
  expect(program.output).not.toContain(`emitted ${count}\n`);
  expect(await program.ended, program.output).toMatchObject({ code: 0 });
  const { emitted, grownMB } = JSON.parse(/done (.*)/.exec(program.output)?.[1] ?? "") as {
    emitted: number;
    grownMB: number;
  };
  console.log(`grown by ${grownMB} MB`);
  expect(emitted).toBe(count);
  expect(await db.collection("out").estimatedDocumentCount()).toBe(count / 1_000);
  expect(grownMB).toBeLessThan(64);
  await client.close();
}, 300_000);
