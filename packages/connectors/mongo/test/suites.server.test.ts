import { checkpointSuite, sinkSuite, sourceSuite } from "@millrace/core/testing";
import type { AnyBulkWriteOperation } from "mongodb";
import { type MongoWrite, mongoChanges, mongoCheckpoints, mongoSink, mongoSource } from "../src/index.js";
import { storeOf } from "../src/mongo-checkpoints.js";
import type { MongoPayload } from "../src/mongo-system.js";
import { modelOf } from "../src/mongo-write.js";
import { testDatabase, url } from "./databases.js";

interface Row {
  readonly _id: string;
  readonly n: number;
}

const row = (n: number): Row => ({ _id: `id ${String(n).padStart(6, "0")}`, n });
const validator = { $jsonSchema: { properties: { n: { bsonType: ["int", "double"], minimum: 0 } } } };

const writes: Readonly<Record<string, (value: Row) => MongoWrite>> = {
  replace: (document) => ({ kind: "replace", document: { ...document } }),
  insertIgnore: (document) => ({ kind: "insertIgnore", document: { ...document } }),
  set: ({ _id, ...fields }) => ({ kind: "set", id: _id, fields }),
  guarded: (document) => ({ kind: "guarded", document: { ...document }, version: "n" }),
  model: ({ _id, n }) => ({
    kind: "model",
    model: {
      updateOne: { filter: { _id }, update: { $set: { n } }, upsert: true },
    } as unknown as AnyBulkWriteOperation,
  }),
};

for (const [kind, write] of Object.entries(writes))
  sinkSuite<Row>({
    name: `mongo, ${kind}`,
    async setup() {
      const { database, db, contents, drop } = await testDatabase();
      await db.createCollection("out", { validator });
      return {
        sink: () => mongoSink<Row>({ url, database, collection: "out", write }),
        contents: async () => (await contents("out")) as unknown as Row[],
        teardown: drop,
      };
    },
    sample: row,
    poison: () => ({ _id: "bad", n: -1 }),
  });

sinkSuite<Row>({
  name: "mongo, transactional",
  async setup() {
    const { database, db, client, contents, drop } = await testDatabase();
    await db.createCollection("out", { validator });
    const { system = "" } = mongoCheckpoints({ url, database });
    const sink = mongoSink<Row>({
      url,
      database,
      collection: "out",
      write: writes.replace as (value: Row) => MongoWrite,
    });
    return {
      sink: () => ({ ...sink, connect: (context) => sink.connect({ ...context, transactionalSystem: system }) }),
      contents: async () => (await contents("out")) as unknown as Row[],
      teardown: drop,
      apply: async (payload) => {
        const own = payload as MongoPayload;
        await client.db(own.database).collection(own.collection).bulkWrite(own.writes.map(modelOf), { ordered: true });
      },
    };
  },
  sample: row,
  poison: () => ({ _id: "bad", n: -1 }),
});

for (const ranges of [1, 3])
  sourceSuite<Row>({
    name: `mongo, find in ${ranges} ranges`,
    async setup(values) {
      const { database, db, drop } = await testDatabase();
      const collection = await db.createCollection<Row>("in");
      const append = async (more: readonly Row[]): Promise<void> => {
        if (more.length > 0) await collection.insertMany([...more]);
      };
      await append(values);
      return {
        source: () =>
          mongoSource<Row>({
            url,
            database,
            collection: "in",
            ranges,
            batchSize: 50,
            decode: (document) => document as Row,
          }),
        append,
        teardown: drop,
      };
    },
    sample: row,
  });

interface Sorted {
  readonly _id: string;
  readonly at: Date;
}

sourceSuite<Sorted>({
  name: "mongo, find by another key",
  async setup(values) {
    const { database, db, drop } = await testDatabase();
    const collection = await db.createCollection<Sorted>("in");
    await collection.createIndex({ at: 1, _id: 1 });
    const append = async (more: readonly Sorted[]): Promise<void> => {
      if (more.length > 0) await collection.insertMany([...more]);
    };
    await append(values);
    return {
      source: () =>
        mongoSource<Sorted>({
          url,
          database,
          collection: "in",
          sortBy: "at",
          ranges: 2,
          batchSize: 40,
          decode: (document) => document as Sorted,
        }),
      append,
      teardown: drop,
    };
  },
  // Ids go the other way than times, and three have each time.
  sample: (n) => ({
    _id: `${String(100_000 - Math.floor(n / 3)).padStart(6, "0")}-${n % 3}`,
    at: new Date(1_700_000_000_000 + Math.floor(n / 3)),
  }),
});

sourceSuite<Row>({
  name: "mongo, changes",
  async setup(values) {
    const { database, db, drop } = await testDatabase();
    const collection = await db.createCollection<Row>("in");
    const append = async (more: readonly Row[]): Promise<void> => {
      if (more.length > 0) await collection.insertMany([...more]);
    };
    await append(values);
    return {
      source: () =>
        mongoChanges<Row>({
          url,
          database,
          collection: "in",
          batchSize: 50,
          maxAwaitMs: 100,
          decode: ({ document }) => document as Row,
        }),
      append,
      teardown: drop,
    };
  },
  sample: row,
});

checkpointSuite({
  name: "mongo",
  async setup() {
    const { database, drop } = await testDatabase();
    return { store: () => mongoCheckpoints({ url, database }), teardown: drop };
  },
});

checkpointSuite({
  name: "mongo, with small parts",
  async setup() {
    const { database, drop } = await testDatabase();
    return { store: () => storeOf({ url, database }, 300_000), teardown: drop };
  },
});
