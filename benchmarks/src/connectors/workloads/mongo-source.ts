import { from } from "@millrace/core";
import { mongoSource } from "@millrace/mongo";
import type { Document } from "mongodb";
import type { BenchEvent } from "../bench-event.js";
import { AmountSum, type ConnectorBench, slices } from "../connector-bench.js";
import type { Contents } from "../contents.js";
import {
  createCollection,
  DATABASE,
  dropCollection,
  MONGO_BATCH,
  mongoUrl,
  withCollection,
} from "../mongo-database.js";

async function fill(place: string, values: readonly BenchEvent[]): Promise<void> {
  await createCollection(place);
  await withCollection(place, async (collection) => {
    for (const slice of slices(values, MONGO_BATCH))
      await collection.insertMany(slice.map(({ id, ...fields }) => ({ _id: id, ...fields })));
  });
}

function decode({ _id, citizenID, kind, amount, at, note }: Document): BenchEvent {
  return { id: _id, citizenID, kind, amount, at, note };
}

function loop(place: string): Promise<Contents> {
  return withCollection(place, async (collection) => {
    const sum = new AmountSum();
    const cursor = collection.find({}, { batchSize: MONGO_BATCH }).sort({ _id: 1 });
    for await (const document of cursor) sum.add(decode(document));
    return sum.contents;
  });
}

async function millrace(place: string): Promise<Contents> {
  const sum = new AmountSum();
  await from(mongoSource({ url: mongoUrl(), database: DATABASE, collection: place, decode })).forEach(sum.add);
  return sum.contents;
}

export const bench: ConnectorBench = { kind: "source", fill, contenders: { loop, millrace }, drop: dropCollection };
