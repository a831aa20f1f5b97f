import { from } from "@millrace/core";
import { mongoSink } from "@millrace/mongo";
import type { BenchEvent } from "../bench-event.js";
import { type ConnectorBench, slices } from "../connector-bench.js";
import { type Contents, contentsOf } from "../contents.js";
import {
  createCollection,
  DATABASE,
  dropCollection,
  MONGO_BATCH,
  mongoUrl,
  withCollection,
} from "../mongo-database.js";

function split(value: BenchEvent): { readonly id: string; readonly fields: Omit<BenchEvent, "id"> } {
  const { id, ...fields } = value;
  return { id, fields };
}

function modelOf(value: BenchEvent) {
  const { id, fields } = split(value);
  return { updateOne: { filter: { _id: { $eq: id } }, update: { $set: fields }, upsert: true } };
}

function loop(place: string, values: readonly BenchEvent[]): Promise<void> {
  return withCollection(place, async (collection) => {
    for (const slice of slices(values, MONGO_BATCH)) await collection.bulkWrite(slice.map(modelOf), { ordered: false });
  });
}

async function millrace(place: string, values: readonly BenchEvent[]): Promise<void> {
  const sink = mongoSink<BenchEvent>({
    url: mongoUrl(),
    database: DATABASE,
    collection: place,
    write: (value) => ({ kind: "set", ...split(value) }),
  });
  await from(values).to(sink).run();
}

function writer(place: string, values: readonly BenchEvent[]): Promise<void> {
  return withCollection(place, async (collection) => {
    for (const slice of slices(values, MONGO_BATCH)) {
      const bulk = collection.initializeUnorderedBulkOp();
      for (const value of slice) {
        const { id, fields } = split(value);
        bulk
          .find({ _id: { $eq: id } })
          .upsert()
          .updateOne({ $set: fields });
      }
      await bulk.execute();
    }
  });
}

function one(place: string, values: readonly BenchEvent[]): Promise<void> {
  return withCollection(place, async (collection) => {
    for (const value of values) {
      const { id, fields } = split(value);
      await collection.updateOne({ _id: { $eq: id } }, { $set: fields }, { upsert: true });
    }
  });
}

function text({ id, citizenID, kind, amount, at, note }: BenchEvent): string {
  return [id, citizenID, kind, amount, at, note].join(" ");
}

function contents(place: string): Promise<Contents> {
  return withCollection(place, async (collection) => {
    const documents = await collection.find().toArray();
    return contentsOf(documents.map(({ _id, ...fields }) => text({ id: _id, ...fields } as unknown as BenchEvent)));
  });
}

export const bench: ConnectorBench = {
  kind: "sink",
  create: createCollection,
  contenders: { loop, millrace, writer, await: one },
  text,
  contents,
  drop: dropCollection,
};
