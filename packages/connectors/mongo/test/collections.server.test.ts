import { from, topology } from "@millrace/core";
import { testContext, testSink, virtualClock } from "@millrace/core/testing";
import { Binary, type Document, MongoClient, ObjectId } from "mongodb";
import { describe, expect, it } from "vitest";
import { mongoChanges, mongoCheckpoints, mongoSink, mongoSource } from "../src/index.js";
import { storeOf } from "../src/mongo-checkpoints.js";
import { MongoPayload } from "../src/mongo-system.js";
import { testDatabase, url } from "./databases.js";

const delta = (
  epoch: number,
  changes: readonly (readonly [string, Uint8Array, Uint8Array | undefined])[] = [],
  commits: readonly unknown[] = [],
) => ({
  format: 1 as const,
  epoch,
  ended: false,
  topologyHash: "h",
  mode: "one" as const,
  positions: new Map([["in", new Map([["0", String(epoch)]])]]),
  partitionCounts: new Map([["in", 1]]),
  time: { processing: 0, watermarks: new Map<string, number>() },
  sinkStates: new Map<string, Uint8Array>(),
  changes,
  commits: commits.map((payload) => ({ sink: "out", payload })),
});
const entry = (key: string, value: Uint8Array | undefined) => ["s", Buffer.from(key), value] as const;

async function stateOf(
  latest: { entries(): AsyncIterable<readonly (readonly [string, Uint8Array, Uint8Array | undefined])[]> } | undefined,
) {
  const state = new Map<string, Uint8Array>();
  for await (const page of latest?.entries() ?? [])
    for (const [, key, value] of page) state.set(Buffer.from(key).toString(), value as Uint8Array);
  return state;
}

describe("a sink", () => {
  it("sends what the validator refuses to dead letters, with the reason, and writes the rest", async () => {
    const { db, database, contents, drop } = await testDatabase();
    await db.createCollection("out", {
      validator: { $jsonSchema: { required: ["n"], properties: { n: { minimum: 0 } } } },
    });
    const letters = testSink<{
      readonly value: { readonly _id: number };
      readonly error: { readonly code: string; readonly class: string };
    }>();
    const values = Array.from({ length: 2_500 }, (_, _id) => (_id % 500 === 7 ? { _id, n: -1 } : { _id, n: _id }));
    const sink = mongoSink<{ readonly _id: number; readonly n: number }>({
      url,
      database,
      collection: "out",
      write: (document) => ({ kind: "replace", document: { ...document } }),
    });
    await from(values)
      .to(sink, { onError: letters as never })
      .run();
    expect(letters.values.map(({ value, error }) => [value._id, error.class, error.code])).toEqual(
      [7, 507, 1_007, 1_507, 2_007].map((id) => [id, "poison", "E_MONGO_121"]),
    );
    expect((await contents("out")).length).toBe(2_495);
    await drop();
  });

  it("keeps the order of a document that is written many times in a batch, in four lanes by key too", async () => {
    const { db, database, contents, drop } = await testDatabase();
    await db.createCollection("out");
    const values = Array.from({ length: 3_000 }, (_, n) => ({ id: n % 7, n }));
    const sink = mongoSink<{ readonly id: number; readonly n: number }>({
      url,
      database,
      collection: "out",
      batch: { size: 200 },
      write: ({ id, n }) => ({ kind: "set", id, fields: { n } }),
    });
    await from(values)
      .keyBy(({ id }) => id)
      .to(sink)
      .run();
    expect(await contents("out")).toEqual(
      [2_996, 2_997, 2_998, 2_999, 2_993, 2_994, 2_995].map((n) => ({ _id: n % 7, n })).sort((a, b) => a._id - b._id),
    );
    await drop();
  });

  it("with a version never lets an older document replace a newer one, in a transaction neither", async () => {
    const { db, database, contents, drop } = await testDatabase();
    await db.createCollection("out");
    const make = () =>
      mongoSink<{ readonly _id: string; readonly version: number; readonly text: string }>({
        url,
        database,
        collection: "out",
        writes: "versioned",
        write: (document) => ({ kind: "guarded", document: { ...document }, version: "version" }),
      });
    const at = (version: number) => ({ _id: "a", version, text: `$$ROOT ${version}` });
    await from([at(5), at(7), at(6), at(7)])
      .to(make())
      .run();
    expect(await contents("out")).toEqual([at(7)]);
    await from([at(4), at(3)])
      .to(make())
      .run();
    expect(await contents("out")).toEqual([at(7)]);
    await topology("versions", from(() => [at(6), at(9), at(8)]).to(make())).run({
      checkpoint: { every: "1s", store: mongoCheckpoints({ url, database }) },
    });
    expect(await contents("out")).toEqual([at(9)]);
    // One that had no version yet gives way.
    await db.collection("out").replaceOne({ _id: "a" as never }, { text: "plain" });
    await from([at(1)])
      .to(make())
      .run();
    expect(await contents("out")).toEqual([at(1)]);
    await drop();
  });

  it("inside a checkpoint's transaction sends what would be refused to dead letters first, and writes the rest exactly once", async () => {
    const { db, database, contents, drop } = await testDatabase();
    await db.createCollection("out", { validator: { n: { $gte: 0 } } });
    await db.collection("out").createIndex({ mail: 1 }, { unique: true });
    const letters = testSink<{ readonly value: { readonly _id: number }; readonly error: { readonly code: string } }>();
    const values = [
      ...Array.from({ length: 20 }, (_, _id) => ({ _id, n: _id, mail: `m${_id}` })),
      { _id: 100, n: -1, mail: "bad" },
      { _id: 101, n: 1, mail: "taken" },
      { _id: 102, n: 1, mail: "free" },
    ];
    await db.collection("out").insertOne({ _id: 50 as never, n: 1, mail: "taken" });
    const sink = mongoSink<(typeof values)[number]>({
      url,
      database,
      collection: "out",
      write: (document) => ({ kind: "replace", document: { ...document } }),
    });
    await topology("refused", from(() => values).to(sink, { onError: letters as never })).run({
      checkpoint: { every: "1s", store: mongoCheckpoints({ url, database }) },
    });
    expect(letters.values.map(({ value, error }) => [value._id, error.code])).toEqual([
      [100, "E_MONGO_121"],
      [101, "E_MONGO_11000"],
    ]);
    expect((await contents("out")).length).toBe(22);
    await drop();
  });

  it("tries writes of an epoch while the one before is committed, on the same documents, and loses none", async () => {
    const { db, database, contents, drop } = await testDatabase();
    await db.createCollection("out", { validator: { n: { $gte: 0 } } });
    const sink = mongoSink<number>({
      url,
      database,
      collection: "out",
      batch: { size: 50 },
      writes: "append",
      write: (n) => ({
        kind: "model",
        model: { updateOne: { filter: { _id: (n % 5) as never }, update: { $inc: { n: 1 } }, upsert: true } },
      }),
    });
    const summary = await topology(
      "totals",
      from(() => Array.from({ length: 3_000 }, (_, n) => n))
        .throttle({ elements: 1_000, per: "1s", name: "slow" })
        .to(sink),
    ).run({
      checkpoint: { every: "50ms", store: mongoCheckpoints({ url, database }) },
      delivery: "exactly-once",
    });
    expect(summary.status).toBe("completed");
    expect(await contents("out")).toEqual([0, 1, 2, 3, 4].map((_id) => ({ _id, n: 600 })));
    await drop();
  });

  it("in a transaction holds no more than it may", async () => {
    const { db, database, contents, drop } = await testDatabase();
    await db.createCollection("out");
    const sink = mongoSink<number>({
      url,
      database,
      collection: "out",
      maxEpochBytes: 10_000,
      write: (n) => ({ kind: "set", id: n, fields: { text: "x".repeat(1_000) } }),
    });
    const run = topology("large", from(() => Array.from({ length: 50 }, (_, n) => n)).to(sink));
    await expect(run.run({ checkpoint: { every: "1m", store: mongoCheckpoints({ url, database }) } })).rejects.toThrow(
      /E_MONGO_EPOCH_TOO_LARGE/,
    );
    expect(await contents("out")).toEqual([]);
    await drop();
  });
});

describe("changes", () => {
  it("behind a snapshot that is read while others write: nothing is missing, and each document ends as it is", async () => {
    const { db, database, contents, drop } = await testDatabase();
    const collection = db.collection<{ _id: number; n: number }>("in");
    await collection.insertMany(Array.from({ length: 2_000 }, (_, _id) => ({ _id, n: 0 })));
    const source = mongoChanges<{ kind: string; id: number; n: number | undefined }>({
      url,
      database,
      collection: "in",
      batchSize: 100,
      maxAwaitMs: 200,
      decode: ({ kind, id, document }) => ({ kind, id: Number(id), n: document?.n as number | undefined }),
    });
    const connection = await source.connect(testContext());
    const reader = await connection.open("0", undefined);
    const seen = new Map<number, number>();
    const write = async (): Promise<void> => {
      for (let i = 0; i < 60; i++) {
        const id = (i * 379) % 2_000;
        if (i % 5 === 0) await collection.deleteOne({ _id: id });
        else await collection.updateOne({ _id: id }, { $set: { n: i + 1 } });
        await collection.insertOne({ _id: 2_000 + i, n: i });
      }
    };
    let wrote: Promise<void> | undefined;
    let over = false;
    for (;;) {
      const batch = await reader.read();
      // Begun once the moment of the snapshot is settled: SecantusDB's clock can name a write that is not to be seen yet.
      wrote ??= write().then(() => {
        over = true;
      });
      for (const { kind, id, n } of batch?.values ?? []) {
        if (kind === "delete") seen.delete(id);
        // A document looked up later than its deletion is not there any more.
        else if (n !== undefined) seen.set(id, n);
      }
      if (over && batch?.caughtUp === true) break;
    }
    await wrote;
    expect([...seen].sort(([a], [b]) => a - b)).toEqual((await contents("in")).map(({ _id, n }) => [_id, n]));
    await reader.close();
    await connection.close();
    await drop();
  });

  it("asks for the snapshot as of one moment, and for the stream from right behind it", async () => {
    const { db, database, drop } = await testDatabase();
    await db.collection("in").insertMany(Array.from({ length: 30 }, (_, n) => ({ n })));
    const client = new MongoClient(url, { monitorCommands: true });
    const commands: Document[] = [];
    client.on("commandStarted", ({ command }) => void commands.push(command));
    const source = mongoChanges({
      client,
      database,
      collection: "in",
      batchSize: 10,
      maxAwaitMs: 100,
      stopAt: "latest",
      decode: ({ kind }) => kind,
    });
    expect(await from(source).collect()).toEqual(Array.from({ length: 30 }, () => "snapshot"));
    const find = commands.find((command) => command.find === "in") as Document;
    expect(find.readConcern).toMatchObject({ level: "snapshot" });
    const at = find.readConcern.atClusterTime;
    expect(find).toMatchObject({ hint: { _id: 1 }, sort: { _id: 1 }, batchSize: 10 });
    expect(
      commands
        .filter((command) => command.getMore !== undefined && command.collection === "in")
        .every(({ batchSize }) => batchSize === 10),
    ).toBe(true);
    const stream = commands.find((command) => command.aggregate === "in") as Document;
    const since = stream.pipeline[0].$changeStream.startAtOperationTime;
    expect([since.t, since.i]).toEqual([at.t, at.i + 1]);
    await client.close();
    await drop();
  });

  it("of several collections come in one order, with the snapshots first; images where they are kept", async () => {
    const { db, database, drop } = await testDatabase();
    await db.createCollection("a", { changeStreamPreAndPostImages: { enabled: true } });
    await db.createCollection("b");
    await db.createCollection("other");
    await db.collection("b").insertOne({ _id: 1 as never, n: 1 });
    await db.collection("a").insertOne({ _id: 2 as never, n: 1 });
    const source = mongoChanges<string>({
      url,
      database,
      collection: ["b", "a"],
      maxAwaitMs: 100,
      fullDocumentBeforeChange: "whenAvailable",
      decode: ({ kind, collection, id, document, before }) => `${kind} ${collection} ${id} ${before?.n} ${document?.n}`,
    });
    const read = testSink<string>();
    const run = from(source).to(read).start();
    while (read.values.length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
    await db.collection("a").updateOne({ _id: 2 as never }, { $set: { n: 2 } });
    await db.collection("other").insertOne({ n: 1 });
    await db.collection("b").deleteOne({ _id: 1 as never });
    await db.collection("a").deleteOne({ _id: 2 as never });
    while (read.values.length < 5) await new Promise((resolve) => setTimeout(resolve, 20));
    await run.stop();
    expect(read.values.slice(0, 2)).toEqual(["snapshot a 2 undefined 1", "snapshot b 1 undefined 1"]);
    expect(read.values[2]).toMatch(/^update a 2 1 /);
    expect(read.values.slice(3)).toEqual(["delete b 1 undefined undefined", "delete a 2 2 undefined"]);
    await drop();
  });

  it("start at the latest, or at a date; filtered by a pipeline", async () => {
    const { db, database, drop } = await testDatabase();
    await db.collection("in").insertOne({ n: 1 });
    const make = (startAt: "latest" | Date) =>
      mongoChanges<number>({
        url,
        database,
        collection: "in",
        startAt,
        maxAwaitMs: 100,
        pipeline: [{ $match: { "fullDocument.n": { $ne: 3 } } }],
        decode: ({ document }) => Number(document?.n),
      });
    const context = testContext();
    const latest = await make("latest").connect(context);
    const reader = await latest.open("0", undefined);
    // The place is known, and saved, before anything has happened.
    const idle = await reader.read();
    expect(idle).toMatchObject({ values: [], caughtUp: true });
    await db.collection("in").insertMany([{ n: 2 }, { n: 3 }, { n: 4 }]);
    expect((await reader.read())?.values).toEqual([2, 4]);
    const again = await latest.open("0", idle?.position);
    expect((await again.read())?.values).toEqual([2, 4]);
    for (const one of [reader, again]) await one.close();
    await latest.close();
    const dated = await make(new Date(Date.now() - 60_000)).connect(context);
    const all = await dated.open("0", undefined);
    expect((await all.read())?.values).toEqual([1, 2, 4]);
    await all.close();
    await dated.close();
    await drop();
  });

  it("of a collection that is dropped end in words, behind what came before; or go on with a new one", async () => {
    const { db, database, drop } = await testDatabase();
    const make = (onDrop: "fail" | "continue") =>
      mongoChanges<number>({
        url,
        database,
        collection: "in",
        onDrop,
        maxAwaitMs: 100,
        startAt: "latest",
        decode: ({ document }) => Number(document?.n),
      });
    for (const policy of ["fail", "continue"] as const) {
      await db.createCollection("in");
      const connection = await make(policy).connect(testContext());
      const reader = await connection.open("0", undefined);
      await reader.read();
      await db.collection("in").insertOne({ n: 1 });
      await db.dropCollection("in");
      await db.collection("in").insertOne({ n: 2 });
      const seen: number[] = [];
      const readAll = async (): Promise<void> => {
        while (seen.length < 2) seen.push(...((await reader.read())?.values ?? []));
      };
      if (policy === "fail") {
        await expect(readAll()).rejects.toThrow(
          /E_MONGO_DROPPED: source "in": a watched collection was dropped or renamed \(drop\)/,
        );
        expect(seen).toEqual([1]);
      } else {
        await readAll();
        expect(seen).toEqual([1, 2]);
      }
      await reader.close();
      await connection.close();
      await db.dropCollection("in");
    }
    await drop();
  });

  it("of more than 16 MB come in parts, and are given as one", async () => {
    const { db, database, drop } = await testDatabase();
    await db.createCollection("in", { changeStreamPreAndPostImages: { enabled: true } });
    const large = Buffer.alloc(9 * 1024 * 1024, 1);
    await db.collection<Document>("in").insertOne({ _id: 1 as never, n: 1, large });
    const client = new MongoClient(url, { monitorCommands: true });
    let parts = 0;
    client.on("commandSucceeded", ({ reply }) => {
      const { cursor } = reply as { readonly cursor?: Document };
      for (const event of cursor?.nextBatch ?? []) if (event.splitEvent !== undefined) parts++;
    });
    const source = mongoChanges<string>({
      client,
      database,
      collection: "in",
      startAt: "latest",
      maxAwaitMs: 100,
      splitLargeEvents: true,
      fullDocumentBeforeChange: "required",
      decode: ({ kind, document, before }) =>
        `${kind} ${before?.n} ${before?.large.length()} ${document?.n} ${document?.large.length()}`,
    });
    const connection = await source.connect(testContext());
    const reader = await connection.open("0", undefined);
    await reader.read();
    await db.collection<Document>("in").updateOne({ _id: 1 as never }, { $set: { n: 2 } });
    let batch = await reader.read();
    while (batch?.values.length === 0) batch = await reader.read();
    expect(batch?.values).toEqual([`update 1 ${large.length} 2 ${large.length}`]);
    expect(parts).toBeGreaterThan(1);
    const behind = await connection.open("0", batch?.position);
    expect((await behind.read())?.values).toEqual([]);
    for (const one of [reader, behind]) await one.close();
    await connection.close();
    await client.close();
    await drop();
  });

  it("keep their place fresh while others write elsewhere", async () => {
    const { db, database, drop } = await testDatabase();
    for (const name of ["in", "other"]) await db.createCollection(name);
    const source = mongoChanges({
      url,
      database,
      collection: "in",
      startAt: "latest",
      maxAwaitMs: 100,
      decode: ({ id }) => id,
    });
    const connection = await source.connect(testContext());
    const reader = await connection.open("0", undefined);
    const first = await reader.read();
    for (let n = 0; n < 20; n++) await db.collection("other").insertOne({ n });
    let last = first;
    for (let i = 0; i < 5; i++) last = await reader.read();
    expect(last).toMatchObject({ values: [], caughtUp: true });
    const token = (position: string | undefined): unknown => JSON.parse(position ?? "{}").token;
    expect(token(last?.position)).toBeDefined();
    expect(token(last?.position)).not.toBe(token(first?.position));
    expect(connection.comparePositions(first?.position ?? "", last?.position ?? "")).toBe(0);
    await reader.close();
    await connection.close();
    await drop();
  });
});

describe("a collection is read", () => {
  it("whole, whatever kinds of ids it has: the order of ids does not end with the numbers", async () => {
    const { db, database, drop } = await testDatabase();
    const ids: readonly unknown[] = [
      1,
      2.5,
      -3,
      "a",
      "b",
      { x: 1 },
      new ObjectId(),
      true,
      new Date(),
      new Binary(Buffer.from("x")),
    ];
    await db.collection("in").insertMany(ids.map((_id) => ({ _id }) as Document));
    for (const ranges of [1, 3]) {
      const source = mongoSource({
        url,
        database,
        collection: "in",
        ranges,
        batchSize: 2,
        decode: ({ _id }) => JSON.stringify(_id),
      });
      expect((await from(source).collect()).sort()).toEqual(ids.map((id) => JSON.stringify(id)).sort());
    }
    await drop();
  });

  it("on by another process behind what a checkpoint has, though other documents have come meanwhile", async () => {
    const { db, database, drop } = await testDatabase();
    const collection = db.collection<{ _id: number }>("in");
    await collection.insertMany(Array.from({ length: 400 }, (_, n) => ({ _id: n * 10 })));
    const make = () =>
      mongoSource({ url, database, collection: "in", ranges: 4, batchSize: 20, decode: ({ _id }) => Number(_id) });
    const first = await make().connect(testContext());
    const seen: number[] = [];
    const positions = new Map<string, string>();
    // Two of four partitions have been read a little, so only those have a position.
    for (const partition of ["0", "2"]) {
      const reader = await first.open(partition, undefined);
      const batch = await reader.read();
      seen.push(...(batch?.values ?? []));
      positions.set(partition, batch?.position ?? "");
      await reader.close();
    }
    await first.close();
    // The collection is cut differently by now, but for those that read on.
    await collection.insertMany(Array.from({ length: 900 }, (_, n) => ({ _id: 100_000 + n })));
    const second = await make().connect(testContext());
    const readers = await Promise.all(
      ["0", "1", "2", "3"].map((partition) => second.open(partition, positions.get(partition))),
    );
    for (const reader of readers) {
      for (let batch = await reader.read(); batch !== undefined; batch = await reader.read())
        seen.push(...batch.values);
      await reader.close();
    }
    await second.close();
    expect(seen.sort((a, b) => a - b)).toEqual([
      ...Array.from({ length: 400 }, (_, n) => n * 10),
      ...Array.from({ length: 900 }, (_, n) => 100_000 + n),
    ]);
    await drop();
  });

  it("filtered and projected; what can not be decoded goes aside with its bytes", async () => {
    const { db, database, drop } = await testDatabase();
    await db
      .collection<{ _id: number; n: number; text: string }>("in")
      .insertMany(Array.from({ length: 20 }, (_, n) => ({ _id: n, n, text: "long" })));
    const letters = testSink<{ readonly raw?: Uint8Array; readonly error: { readonly code: string } }>();
    const source = mongoSource<Document>({
      url,
      database,
      collection: "in",
      filter: { n: { $lt: 5 } },
      projection: { n: 1 },
      decode: (document) => {
        if (document.n === 3) throw new Error("three");
        return document;
      },
    });
    const found = await from(source)
      .onError(letters as never)
      .collect();
    expect(found).toEqual([0, 1, 2, 4].map((n) => ({ _id: n, n })));
    expect(letters.values).toMatchObject([{ error: { code: "E_DECODE", message: "three" } }]);
    expect(letters.values[0]?.raw?.length).toBeGreaterThan(10);
    await drop();
  });

  it("by another key only with its index", async () => {
    const { db, database, drop } = await testDatabase();
    await db.createCollection("in");
    const source = mongoSource({ url, database, collection: "in", sortBy: "at", decode: ({ at }) => at });
    await expect(source.connect(testContext())).rejects.toThrow(
      'collection "in" has no index { at: 1, _id: 1 } over all documents',
    );
    await db.collection("in").createIndex({ at: 1 });
    await expect(source.connect(testContext())).rejects.toMatchObject({ code: "E_MONGO_INDEX" });
    await drop();
  });
});

describe("checkpoints", () => {
  it("a lease is renewed every 5 s and lapses after 15 s; whoever held it is fenced", async () => {
    const { database, db, drop } = await testDatabase();
    const clock = virtualClock();
    const store = mongoCheckpoints({ url, database });
    const held = await store.connect(testContext({ clock }));
    const { number } = await held.lease("t");
    // As if it were of another host, where nobody can see whether its process lives.
    const tasks = db.collection<{ _id: string; renewedMs: number }>("millrace_checkpoints");
    await tasks.updateOne({ _id: "t" }, { $set: { host: "elsewhere" } });
    const renewedMs = async (): Promise<number> => (await tasks.findOne({ _id: "t" }))?.renewedMs ?? 0;
    const began = await renewedMs();
    const other = await store.connect(testContext({ clock }));
    await clock.advance("5s");
    while ((await renewedMs()) === began) await new Promise((resolve) => setTimeout(resolve, 10));
    expect((await renewedMs()) - began).toBe(5_000);
    await expect(other.lease("t")).rejects.toThrow(/E_LEASE_HELD: task "t" .* by process \d+ on elsewhere since/);
    // Its process hangs: another clock goes on.
    const late = virtualClock(clock.now() + 15_000);
    const early = await store.connect(testContext({ clock: late }));
    await expect(early.lease("t")).rejects.toThrow(/E_LEASE_HELD/);
    const later = await store.connect(testContext({ clock: virtualClock(clock.now() + 15_001) }));
    const taken = await later.lease("t");
    expect(taken.number).toBe(number + 1);
    await expect(held.commit("t", number, delta(1, [entry("a", Buffer.from("zombie"))]))).rejects.toThrow(
      /E_FENCED: the lease 1 of task "t" is over: it was released or taken over by process/,
    );
    await later.commit("t", taken.number, delta(2));
    expect(await later.latestEpoch("t", taken.number)).toBe(2);
    // One that has not noticed yet asks, and gives back, what is not its own any more.
    const sleeper = await store.connect(testContext({ clock }));
    const old = await sleeper.lease("u");
    await tasks.updateOne({ _id: "u" }, { $set: { host: "elsewhere" } });
    const owner = await later.lease("u");
    await sleeper.release("u", old.number);
    await expect(other.lease("u")).rejects.toThrow(/E_LEASE_HELD/);
    await later.commit("u", owner.number, delta(1));
    const dozer = await store.connect(testContext({ clock }));
    const dozed = await dozer.lease("v");
    await tasks.updateOne({ _id: "v" }, { $set: { host: "elsewhere" } });
    await later.lease("v");
    await expect(dozer.latestEpoch("v", dozed.number)).rejects.toThrow(/E_FENCED/);
    for (const connection of [held, other, early, later, sleeper, dozer]) await connection.close();
    await drop();
  });

  it("keep a value of 40 MB, and what they hold in few segments, however long a task runs", async () => {
    const { database, db, drop } = await testDatabase();
    const large = Buffer.alloc(40 * 1024 * 1024, 7);
    large.writeUInt32LE(12_345, large.length - 4);
    let connection = await mongoCheckpoints({ url, database }).connect(testContext());
    let { number } = await connection.lease("t");
    await connection.commit("t", number, delta(1, [entry("large", large)]));
    const oracle = new Map<string, string>([["large", "40 MB"]]);
    for (let epoch = 2; epoch < 60; epoch++) {
      const changes = Array.from({ length: 20 }, (_, i) => {
        const key = String((epoch * 7 + i) % 50);
        const value = (epoch + i) % 6 === 0 ? undefined : `${epoch}.${i}`;
        if (value === undefined) oracle.delete(key);
        else oracle.set(key, value);
        return entry(key, value === undefined ? undefined : Buffer.from(value));
      });
      await connection.commit("t", number, delta(epoch, changes));
    }
    await connection.release("t", number);
    await connection.close();
    connection = await mongoCheckpoints({ url, database }).connect(testContext());
    const again = await connection.lease("t");
    number = again.number;
    const state = await stateOf(again.latest);
    expect(Buffer.compare(state.get("large") as Uint8Array, large)).toBe(0);
    state.set("large", Buffer.from("40 MB"));
    expect(new Map([...state].map(([key, value]) => [key, Buffer.from(value).toString()]))).toEqual(oracle);
    const head = await db.collection<Document>("millrace_checkpoints").findOne({ _id: "t" as never });
    expect(head?.segments.length).toBeLessThanOrEqual(32);
    // Nothing is left of what was merged.
    const parts = await db.collection("millrace_checkpoints.state").countDocuments();
    expect(parts).toBe(head?.segments.reduce((sum: number, one: { parts: number }) => sum + one.parts, 0));
    await connection.close();
    await drop();
  });

  it("collect what a holder wrote that died before its commit, and nothing of a later holder", async () => {
    const { database, db, drop } = await testDatabase();
    const parts = db.collection<Document>("millrace_checkpoints.state");
    const store = mongoCheckpoints({ url, database });
    const first = await store.connect(testContext());
    const one = await first.lease("t");
    await first.commit("t", one.number, delta(1, [entry("a", Buffer.from("1"))]));
    for (const [task, lease] of [
      ["t", 1],
      ["t", 9],
      ["t0", 1],
    ] as const)
      await parts.insertOne({
        _id: { task, lease, serial: 77, part: 0 },
        bytes: new Binary(Buffer.from("x")),
        sum: 1,
      } as never);
    await first.close();
    const second = await store.connect(testContext());
    const two = await second.lease("t");
    expect(
      (await parts.find().toArray())
        .map(({ _id }) => _id as unknown as { task: string; lease: number; serial: number })
        .map(({ task, lease, serial }) => `${task} ${lease} ${serial}`)
        .sort(),
    ).toEqual(["t 1 1", "t 9 77", "t0 1 77"]);
    expect((await stateOf(two.latest)).get("a")).toEqual(Uint8Array.from(Buffer.from("1")));
    await second.close();
    await drop();
  });

  it("refuse to restore what is not as it was written", async () => {
    const damages: readonly [string, (at: Awaited<ReturnType<typeof testDatabase>>) => Promise<unknown>][] = [
      [
        "a part has changed",
        ({ db }) =>
          db
            .collection<Document>("millrace_checkpoints.state")
            .updateOne({ "_id.part": 1 }, { $set: { bytes: new Binary(Buffer.from("other")) } }),
      ],
      [
        "a part is missing",
        ({ db }) => db.collection<Document>("millrace_checkpoints.state").deleteOne({ "_id.part": 1 }),
      ],
      [
        "the head has changed",
        ({ db }) =>
          db
            .collection<Document>("millrace_checkpoints")
            .updateOne({}, { $set: { head: new Binary(Buffer.from("{}")) } }),
      ],
      [
        "a segment is not in the list",
        ({ db }) => db.collection<Document>("millrace_checkpoints").updateOne({}, { $pop: { segments: 1 } } as never),
      ],
    ];
    for (const [what, damage] of damages) {
      const at = await testDatabase();
      const store = () => storeOf({ url, database: at.database }, 1_000);
      const first = await store().connect(testContext());
      const { number } = await first.lease("t");
      await first.commit(
        "t",
        number,
        delta(
          1,
          Array.from({ length: 100 }, (_, i) => entry(String(i), Buffer.alloc(50, i))),
        ),
      );
      await first.close();
      await damage(at);
      const second = await store().connect(testContext());
      await expect(
        second.lease("t").then(({ latest }) => stateOf(latest)),
        what,
      ).rejects.toThrow(/E_CHECKPOINT_CORRUPT/);
      await second.close();
      await at.drop();
    }
  });

  it("a commit that was sent before the newest epoch was asked for is not taken any more", async () => {
    const { database, db, drop } = await testDatabase();
    const connection = await mongoCheckpoints({ url, database }).connect(testContext());
    const { number } = await connection.lease("t");
    await connection.commit("t", number, delta(1));
    // Somebody asked, as this process would have after a commit without an answer.
    await db.collection<Document>("millrace_checkpoints").updateOne({}, { $inc: { turn: 1 } });
    await expect(connection.commit("t", number, delta(2))).rejects.toThrow(
      /E_CHECKPOINT_STORE: task "t": the newest epoch was asked for/,
    );
    expect(await connection.latestEpoch("t", number)).toBe(1);
    await connection.commit("t", number, delta(3));
    expect(await connection.latestEpoch("t", number)).toBe(3);
    await connection.close();
    await drop();
  });

  it("and the writes of sinks are there together, or neither", async () => {
    const { db, database, contents, drop } = await testDatabase();
    await db.createCollection("out");
    const store = mongoCheckpoints({ url, database });
    const connection = await store.connect(testContext());
    const { number } = await connection.lease("t");
    const payload = (...ids: readonly string[]): MongoPayload =>
      new MongoPayload(
        store.system ?? "",
        database,
        "out",
        ids.map((_id) => ({ kind: "model", model: { insertOne: { document: { _id: _id as never } } } })),
      );
    await connection.commit("t", number, delta(1, [entry("a", Buffer.from("1"))], [payload("x")]));
    // The second one is refused, the first and the head are taken back with it.
    const torn = connection.commit("t", number, delta(2, [entry("a", Buffer.from("2"))], [payload("y", "x")]));
    await expect(torn).rejects.toThrow(/E_CHECKPOINT_STORE: collection "out" refuses a write .* error 11000/);
    expect(await connection.latestEpoch("t", number)).toBe(1);
    expect(await contents("out")).toEqual([{ _id: "x" }]);
    const foreign = new MongoPayload("mongodb:elsewhere:27017", database, "out", []);
    await expect(connection.commit("t", number, delta(3, [], [foreign]))).rejects.toThrow(
      /E_CHECKPOINT_STORE: sink "out" gave/,
    );
    await connection.commit("t", number, delta(4, [], [payload("z")]));
    await connection.release("t", number);
    const again = await connection.lease("t");
    expect([again.latest?.epoch, (await stateOf(again.latest)).get("a")]).toEqual([
      4,
      Uint8Array.from(Buffer.from("1")),
    ]);
    expect(await contents("out")).toEqual([{ _id: "x" }, { _id: "z" }]);
    await connection.close();
    await drop();
  });

  it("end a transaction that a dead holder left behind, so that the next one need not wait for a minute", async () => {
    const { database, db, client, drop } = await testDatabase();
    const connection = await mongoCheckpoints({ url, database }).connect(testContext());
    await connection.lease("t");
    const tasks = db.collection<Document>("millrace_checkpoints");
    const left = client.startSession();
    left.startTransaction();
    await tasks.updateOne({ _id: "t" as never }, { $set: { epoch: 99 } }, { session: left });
    // A process of this host that is gone.
    const set = { host: (await import("node:os")).hostname(), pid: 2 ** 22 + 1, session: left.id };
    await db.collection<Document>("millrace_checkpoints").deleteOne({ _id: "other" as never });
    const other = { ...(await tasks.findOne({ _id: "t" as never })), _id: "t2", ...set };
    await tasks.insertOne(other as never);
    await left.abortTransaction();
    left.startTransaction();
    await tasks.updateOne({ _id: "t2" as never }, { $set: { epoch: 99 } }, { session: left });
    const began = performance.now();
    const next = await mongoCheckpoints({ url, database }).connect(testContext());
    await next.lease("t2");
    expect(performance.now() - began).toBeLessThan(10_000);
    await expect(left.commitTransaction()).rejects.toThrow();
    await left.endSession();
    await next.close();
    await connection.close();
    await drop();
  });

  it("write by majority and journal, and read what a majority has", async () => {
    const { db, database, drop } = await testDatabase();
    await db.createCollection("out");
    const client = new MongoClient(url, { monitorCommands: true });
    const commands: Document[] = [];
    client.on("commandStarted", ({ command }) => void commands.push(command));
    const sink = (collection: string) =>
      mongoSink<number>({ client, database, collection, write: (n) => ({ kind: "set", id: n, fields: { n } }) });
    await from([1]).to(sink("out")).run();
    const durable = { w: "majority", j: true };
    expect(commands.find((command) => command.update === "out")?.writeConcern).toEqual(durable);
    commands.length = 0;
    await topology("both", from(() => [1, 2]).to(sink("out"))).run({
      checkpoint: { every: "1s", store: mongoCheckpoints({ client, database }) },
    });
    for (const command of commands) {
      if (command.commitTransaction !== undefined) expect(command.writeConcern).toMatchObject(durable);
      else if (
        command.txnNumber === undefined &&
        (command.insert ?? command.findAndModify ?? command.update ?? command.delete) !== undefined
      )
        expect(command.writeConcern).toEqual(durable);
      if (command.find !== undefined) expect(command.readConcern?.level).toBe("majority");
    }
    expect(commands.filter((command) => command.commitTransaction !== undefined).length).toBeGreaterThan(0);
    await client.close();
    await drop();
  });
});
