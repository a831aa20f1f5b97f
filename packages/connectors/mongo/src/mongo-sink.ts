import {
  type BatchPolicy,
  type Health,
  type RuntimeContext,
  requireArgument,
  type Sink,
  type SinkConnection,
  type SinkWriter,
} from "@millrace/core";
import type { Collection, Document } from "mongodb";
import { BulkWriter } from "./bulk-writer.js";
import {
  type MongoConnection,
  type OpenClient,
  openClient,
  probe,
  requireCollection,
  requireConnection,
} from "./mongo-connection.js";
import { classify } from "./mongo-errors.js";
import { systemOf } from "./mongo-system.js";
import type { MongoWrite } from "./mongo-write.js";
import { TransactionalWriter } from "./transactional-writer.js";

/** Options of {@link mongoSink}. */
export type MongoSinkOptions<T> = MongoConnection & {
  readonly collection: string;
  /** What a value does; undefined: nothing. What it throws makes the value poison. */
  readonly write: (value: T) => MongoWrite | undefined;
  /** Default: `mongo:DATABASE.COLLECTION`. */
  readonly name?: string;
  /** Default: 1,000 values. */
  readonly batch?: BatchPolicy;
  /** Bulk writes in flight on a keyed stream (4); the values of one key stay in order. Without keys it is one. */
  readonly concurrency?: number;
  /** What a replay does ("idempotent"). "append" for models that must not be repeated, such as `$inc`: a write without an answer is then no longer tried again. */
  readonly writes?: "idempotent" | "versioned" | "append";
  /** Milliseconds until a server that is silent in a write is given up (30,000): whether it has the write is then not known, and it is tried again on another connection. */
  readonly writeTimeoutMs?: number;
  /** With `mongoCheckpoints` on the same hosts: bytes that may wait for one checkpoint (64 MB). */
  readonly maxEpochBytes?: number;
};

const DEFAULT_BATCH: BatchPolicy = { size: 1_000 };
const DEFAULT_CONCURRENCY = 4;
const DEFAULT_WRITE_TIMEOUT_MS = 30_000;
const DEFAULT_EPOCH_BYTES = 64 * 1024 * 1024;

/**
 * Writes to a collection by bulk: by majority and journaled. Documents that MongoDB refuses (a validator, a unique index, a size) go to `onError`, the others are
 * written. With `mongoCheckpoints` on the same hosts the writes are part of the checkpoint's transaction: exactly-once.
 *
 * Fails at connect with `E_MONGO_COLLECTION`, `E_MONGO_AUTH` or `E_MONGO_CONNECTION`.
 *
 * @example
 * ```ts
 * import { from } from "@millrace/core";
 * import { mongoSink } from "@millrace/mongo";
 * const scores = mongoSink<{ id: string; score: number }>({
 *   url: "mongodb://127.0.0.1:27017", database: "app", collection: "scores",
 *   write: ({ id, score }) => ({ kind: "set", id, fields: { score } }),
 * });
 * await from([{ id: "ada", score: 7 }]).to(scores).run();
 * ```
 */
export function mongoSink<T>(options: MongoSinkOptions<T>): Sink<T> {
  requireConnection(options, "mongoSink");
  const { collection, database, writes = "idempotent" } = options;
  requireArgument(
    typeof collection === "string" && collection !== "",
    "mongoSink: collection must be a collection's name",
  );
  requireArgument(typeof options.write === "function", "mongoSink: write must be a function");
  const { writeTimeoutMs = DEFAULT_WRITE_TIMEOUT_MS } = options;
  requireArgument(
    Number.isInteger(writeTimeoutMs) && writeTimeoutMs >= 1,
    `mongoSink: writeTimeoutMs must be a whole number of milliseconds from 1; it is ${writeTimeoutMs}`,
  );
  return {
    name: options.name ?? `mongo:${database}.${collection}`,
    writes,
    batch: options.batch ?? DEFAULT_BATCH,
    concurrency: options.concurrency ?? DEFAULT_CONCURRENCY,
    system: systemOf(options),
    metadata: false,
    connect: (context) => CollectionConnection.open(options, context),
  };
}

class CollectionConnection<T> implements SinkConnection<T> {
  readonly #options: MongoSinkOptions<T>;
  readonly #open: OpenClient;
  readonly #context: RuntimeContext;
  readonly #collection: Collection;
  readonly #transactional: boolean;
  readonly #tried: boolean;
  #closing: Promise<void> | undefined;

  static async open<T>(options: MongoSinkOptions<T>, context: RuntimeContext): Promise<CollectionConnection<T>> {
    const open = await openClient(options);
    try {
      await requireCollection(open.db, options.collection);
      const transactional = context.transactionalSystem === systemOf(options);
      const tried = transactional && (await canRefuse(open, options.collection));
      return new CollectionConnection(options, open, context, transactional, tried);
    } catch (error) {
      await open.close().catch(() => {});
      throw classify(error);
    }
  }

  private constructor(
    options: MongoSinkOptions<T>,
    open: OpenClient,
    context: RuntimeContext,
    transactional: boolean,
    tried: boolean,
  ) {
    this.#context = context;
    this.#options = options;
    this.#open = open;
    this.#collection = open.db.collection(options.collection, { writeConcern: { w: "majority", journal: true } });
    this.#transactional = transactional;
    this.#tried = tried;
  }

  async open(): Promise<SinkWriter<T>> {
    const { write, writeTimeoutMs = DEFAULT_WRITE_TIMEOUT_MS, maxEpochBytes = DEFAULT_EPOCH_BYTES } = this.#options;
    if (!this.#transactional) return new BulkWriter(this.#collection, write, writeTimeoutMs);
    return new TransactionalWriter({
      client: this.#open.client,
      context: this.#context,
      collection: this.#collection,
      write,
      system: systemOf(this.#options),
      maxBytes: maxEpochBytes,
      tried: this.#tried,
    });
  }

  health(): Promise<Health> {
    return probe(this.#open);
  }

  close(): Promise<void> {
    this.#closing ??= this.#open.close();
    return this.#closing;
  }
}

/** The collection has a rule of its own that a document can break. */
async function canRefuse({ db }: OpenClient, collection: string): Promise<boolean> {
  try {
    const [found] = await db.listCollections({ name: collection }).toArray();
    const { options } = (found ?? {}) as { readonly options?: Document };
    if (options?.validator !== undefined || options?.capped === true) return true;
    const indexes = await db.collection(collection).indexes();
    return indexes.some(({ name, unique }) => name !== "_id_" && unique === true);
  } catch {
    // Not allowed to look: then as if it had one.
    return true;
  }
}
