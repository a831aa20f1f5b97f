import type { Key, Lookup } from "@millrace/core";
import type { Document, MongoClient } from "mongodb";
import { classify, type MongoConnection, type OpenClient, openClient, probe } from "./mongo-client.js";

/** Options of {@link mongoLookup}. */
export type MongoLookupOptions<Q extends Key, V> = MongoConnection & {
  readonly collection: string;
  /** Default: the collection's name. */
  readonly name?: string;
  /** The field that is looked up in (`_id`). Index it. */
  readonly field?: string;
  readonly projection?: Document;
  /** Default: the document as it is. */
  readonly value?: (document: Document) => V;
  /** Default: the field's value as it is. */
  readonly key?: (document: Document) => Q;
  /** Watch the collection and drop cached documents that change (needs a replica set). */
  readonly watch?: boolean;
};

/** Finds documents by a field, many at once, for `lookup()`. With `watch`, a change in MongoDB is seen without waiting for the cache to expire. */
export function mongoLookup<Q extends Key, V = Document>(options: MongoLookupOptions<Q, V>): Lookup<Q, V> {
  const { database, collection, field = "_id", name = collection, projection, watch = false } = options;
  const value = options.value ?? ((document: Document) => document as unknown as V);
  const key = options.key ?? ((document: Document) => document[field] as Q);
  let open: OpenClient | undefined;
  const client = (): MongoClient => {
    if (open === undefined) throw new Error(`mongoLookup "${name}" is not connected`);
    return open.client;
  };
  return {
    name,
    connect: async () => {
      open = await openClient(options);
    },
    fetch: async (keys, { signal }) => {
      try {
        const cursor = client()
          .db(database)
          .collection(collection)
          .find(
            { [field]: { $in: [...keys] } },
            { signal, ...(projection === undefined ? {} : { projection: { [field]: 1, ...projection } }) },
          );
        const found = new Map<Q, V>();
        for await (const document of cursor) found.set(key(document), value(document));
        return found;
      } catch (error) {
        throw signal.aborted ? error : classify(error);
      }
    },
    ...(watch
      ? {
          changes: (invalidate: (key: Q) => void, signal: AbortSignal) =>
            watchKeys(client(), options, field, key, invalidate, signal),
        }
      : {}),
    health: () => probe(client()),
    close: async () => {
      await open?.close();
      open = undefined;
    },
  };
}

async function watchKeys<Q extends Key, V>(
  client: MongoClient,
  { database, collection }: MongoLookupOptions<Q, V>,
  field: string,
  key: (document: Document) => Q,
  invalidate: (key: Q) => void,
  signal: AbortSignal,
): Promise<void> {
  const stream = client.db(database).collection(collection).watch([], { fullDocument: "updateLookup" });
  const stop = (): void => void stream.close().catch(() => {});
  signal.addEventListener("abort", stop, { once: true });
  try {
    while (!signal.aborted) {
      const change = await stream.tryNext();
      if (change === null) continue;
      if ("documentKey" in change && change.documentKey !== undefined) {
        const document =
          "fullDocument" in change && change.fullDocument !== undefined && change.fullDocument !== null
            ? change.fullDocument
            : change.documentKey;
        if (field === "_id" || field in document) invalidate(key(document as Document));
      }
    }
  } catch (error) {
    if (!signal.aborted) throw classify(error);
  } finally {
    signal.removeEventListener("abort", stop);
    await stream.close().catch(() => {});
  }
}
