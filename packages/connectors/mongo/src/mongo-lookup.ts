import { type Key, type Lookup, requireArgument, WriteError } from "@millrace/core";
import type { ChangeStreamDocument, Db, Document } from "mongodb";
import { idText, valueAt } from "./id-text.js";
import { KnownKeys } from "./known-keys.js";
import {
  type MongoConnection,
  type OpenClient,
  openClient,
  probe,
  requireCollection,
  requireConnection,
  requireReplicaSet,
} from "./mongo-connection.js";
import { classify, classifyRead } from "./mongo-errors.js";

/** Options of {@link mongoLookup}. */
export type MongoLookupOptions<Q extends Key, V> = MongoConnection & {
  readonly collection: string;
  /** Default: the collection's name. */
  readonly name?: string;
  /** The field that is looked up in (`_id`). Index it. Where several documents have a key, any of them is found. */
  readonly field?: string;
  /** Only these fields; the one that is looked up in is always among them. */
  readonly projection?: Document;
  /** What is found. Default: the document as it is. */
  readonly value?: (document: Document) => V;
  /** How a key stands in the field, such as `(hex) => new ObjectId(hex)`. Default: as it is. */
  readonly query?: (key: Q) => unknown;
  /** The key of what stands in the field: the way back of `query`. Default: as it is. */
  readonly key?: (stored: unknown) => Q;
  /** Watch the collection and fetch anew what changes there (false). Needs a replica set, and a `cache` in `lookup()`. */
  readonly watch?: boolean;
  /** With `watch` and another field than `_id`: of how many documents the key is remembered (1,000,000). Choose no less than the cache has. */
  readonly maxKnown?: number;
  /** Milliseconds the server may take for a fetch (10,000). */
  readonly fetchTimeoutMs?: number;
};

const DEFAULT_KNOWN = 1_000_000;
const DEFAULT_FETCH_MS = 10_000;
const AWAIT_MS = 1_000;

/**
 * Finds documents by a field, many in one query, for `lookup()`. With `watch` a change in MongoDB is seen at once, without waiting for the cache to expire; that goes
 * for keys of which nothing was found, too.
 *
 * Fails at connect with `E_MONGO_COLLECTION`, `E_MONGO_AUTH` or `E_MONGO_CONNECTION`.
 *
 * @example
 * ```ts
 * import { from } from "@millrace/core";
 * import { mongoLookup } from "@millrace/mongo";
 * const citizens = mongoLookup<string, { tier: string }>({
 *   url: "mongodb://127.0.0.1:27017", database: "app", collection: "citizens", watch: true,
 *   value: ({ tier }) => ({ tier: String(tier) }),
 * });
 * await from(["ada"])
 *   .lookup((id) => id, citizens, (id, found) => `${id}: ${found?.tier}`, { cache: { max: 10_000, ttl: "10m", missTtl: "1m" } })
 *   .collect();
 * ```
 */
export function mongoLookup<Q extends Key, V = Document>(options: MongoLookupOptions<Q, V>): Lookup<Q, V> {
  requireConnection(options, "mongoLookup");
  const { collection, projection = {}, field = "_id" } = options;
  requireArgument(
    typeof collection === "string" && collection !== "",
    "mongoLookup: collection must be a collection's name",
  );
  for (const kept of [field, "_id"])
    requireArgument(
      projection[kept] === undefined || projection[kept] === 1 || projection[kept] === true,
      `mongoLookup: projection must keep "${kept}"`,
    );
  const table = new CollectionTable(options);
  return {
    name: options.name ?? collection,
    connect: () => table.connect(),
    fetch: (keys, { signal }) => table.fetch(keys, signal),
    ...(options.watch === true
      ? { changes: (invalidate: (key: Q) => void, signal: AbortSignal) => table.watch(invalidate, signal) }
      : {}),
    health: () => table.health(),
    close: () => table.close(),
  };
}

class CollectionTable<Q extends Key, V> {
  readonly #options: MongoLookupOptions<Q, V>;
  readonly #field: string;
  readonly #known: KnownKeys<Q>;
  #open: OpenClient | undefined;

  constructor(options: MongoLookupOptions<Q, V>) {
    this.#options = options;
    this.#field = options.field ?? "_id";
    this.#known = new KnownKeys(options.maxKnown ?? DEFAULT_KNOWN);
  }

  async connect(): Promise<void> {
    const open = await openClient(this.#options);
    try {
      await requireCollection(open.db, this.#options.collection);
      if (this.#options.watch === true)
        await requireReplicaSet(open.db, `mongoLookup "${this.#options.collection}" with watch`);
    } catch (error) {
      await open.close().catch(() => {});
      throw classify(error);
    }
    this.#open = open;
  }

  async fetch(keys: readonly Q[], signal: AbortSignal): Promise<ReadonlyMap<Q, V>> {
    const { collection, projection, query, fetchTimeoutMs = DEFAULT_FETCH_MS } = this.#options;
    const value = this.#options.value ?? ((document: Document) => document as unknown as V);
    try {
      // 5n is asked for as 5 and comes back as 5: the answer goes to whoever asked.
      const asked = new Map(keys.map((key) => [keyText(key), key]));
      const found = new Map<Q, V>();
      const cursor = this.#db()
        .collection(collection)
        .find(
          { [this.#field]: { $in: keys.map((key) => query?.(key) ?? key) } },
          {
            signal,
            maxTimeMS: fetchTimeoutMs,
            ...(projection === undefined ? {} : { projection: this.#withField(projection) }),
          },
        );
      for await (const document of cursor) {
        const own = this.#keyOf(valueAt(document, this.#field));
        const key = asked.get(keyText(own));
        if (key === undefined) continue;
        if (this.#options.watch === true && this.#field !== "_id") this.#known.set(idText(document._id), key);
        found.set(key, value(document));
      }
      return found;
    } catch (error) {
      throw signal.aborted ? error : classifyRead(error);
    }
  }

  /** Until the signal ends; what is thrown makes the engine forget all it has cached, and begin anew. */
  async watch(invalidate: (key: Q) => void, signal: AbortSignal): Promise<void> {
    const { collection } = this.#options;
    const stream = this.#db()
      .collection(collection)
      .watch([], {
        fullDocument: this.#field === "_id" ? "default" : "updateLookup",
        fullDocumentBeforeChange: this.#field === "_id" ? "off" : "whenAvailable",
        maxAwaitTimeMS: AWAIT_MS,
      });
    const stop = (): void => void stream.close().catch(() => {});
    signal.addEventListener("abort", stop, { once: true });
    try {
      while (!signal.aborted) {
        const change = await stream.tryNext();
        if (change !== null) for (const key of this.#changed(change)) invalidate(key);
        else if (stream.closed)
          throw new WriteError("transient", "E_MONGO_DROPPED", `collection "${collection}" was dropped or renamed`);
      }
    } catch (error) {
      if (!signal.aborted) throw classifyRead(error);
    } finally {
      signal.removeEventListener("abort", stop);
      await stream.close().catch(() => {});
    }
  }

  async health(): ReturnType<typeof probe> {
    return this.#open === undefined ? { status: "down", detail: "not connected" } : probe(this.#open);
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.close();
  }

  /** The keys that a change is about: that of the document as it was, and as it is. */
  #changed(change: ChangeStreamDocument): Q[] {
    const { operationType, documentKey, fullDocument, fullDocumentBeforeChange } = change as unknown as {
      readonly operationType: string;
      readonly documentKey?: Document;
      readonly fullDocument?: Document | null;
      readonly fullDocumentBeforeChange?: Document | null;
    };
    if (documentKey === undefined) {
      if (operationType === "drop" || operationType === "rename" || operationType === "dropDatabase")
        throw new WriteError(
          "transient",
          "E_MONGO_DROPPED",
          `collection "${this.#options.collection}" was dropped or renamed`,
        );
      return [];
    }
    if (this.#field === "_id") return [this.#keyOf(documentKey._id)];
    const before = fullDocumentBeforeChange ?? undefined;
    const known =
      before === undefined ? this.#known.get(idText(documentKey._id)) : this.#keyOf(valueAt(before, this.#field));
    if (known === undefined && operationType !== "insert" && this.#known.forgot)
      throw new WriteError("transient", "E_MONGO_UNKNOWN_KEY", "a document changed whose key is no longer known");
    const after = fullDocument === undefined || fullDocument === null ? undefined : valueAt(fullDocument, this.#field);
    return [...(known === undefined ? [] : [known]), ...(after === undefined ? [] : [this.#keyOf(after)])];
  }

  #keyOf(stored: unknown): Q {
    return this.#options.key === undefined ? (stored as Q) : this.#options.key(stored);
  }

  #withField(projection: Document): Document {
    const includes = Object.values(projection).some((kept) => kept === 1 || kept === true);
    return includes ? { ...projection, [this.#field]: 1 } : projection;
  }

  #db(): Db {
    if (this.#open === undefined)
      throw new WriteError("fatal", "E_MONGO_CONNECTION", `lookup "${this.#options.collection}" is not connected`);
    return this.#open.db;
  }
}

/** Numbers of all kinds are one. */
function keyText(key: unknown): string {
  return typeof key === "number" || typeof key === "bigint" ? `number ${key}` : `${typeof key} ${String(key)}`;
}
