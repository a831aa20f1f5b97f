import { type Collection, type Document, MongoClient } from "mongodb";
import { fromEnvironment } from "./connector-bench.js";

export const DATABASE = "millrace_bench";
export const MONGO_BATCH = 1_000;

export function mongoUrl(): string {
  return fromEnvironment("MONGO_URL");
}

/** With the collection, written as the sink writes: by majority and journaled. */
export async function withCollection<T>(
  name: string,
  work: (collection: Collection<Document & { _id: string }>) => Promise<T>,
): Promise<T> {
  const client = new MongoClient(mongoUrl());
  await client.connect();
  try {
    return await work(
      client
        .db(DATABASE)
        .collection<Document & { _id: string }>(name, { writeConcern: { w: "majority", journal: true } }),
    );
  } finally {
    await client.close();
  }
}

export async function createCollection(name: string): Promise<void> {
  const client = new MongoClient(mongoUrl());
  await client.connect();
  await client.db(DATABASE).createCollection(name);
  await client.close();
}

export async function dropCollection(name: string): Promise<void> {
  await withCollection(name, (collection) => collection.drop());
}
