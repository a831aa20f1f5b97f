import { type Position, requireArgument, type Source, type SourceConnection, type SourceReader } from "@millrace/core";
import type { BSONSerializeOptions, Document } from "mongodb";
import { DocumentReader } from "./document-reader.js";
import {
  type MongoConnection,
  type OpenClient,
  openClient,
  probe,
  requireCollection,
  requireConnection,
  sourceName,
} from "./mongo-connection.js";
import { classify } from "./mongo-errors.js";
import type { ScanPlan } from "./range-scan.js";
import { type Bounds, computeBounds, parsePosition, requireIndex } from "./ranges.js";

/** Options of {@link mongoSource}. */
export type MongoSourceOptions<T> = MongoConnection & {
  readonly collection: string;
  /** Makes a value of a document. What it throws sends the document's bytes to the first `onError` below. */
  readonly decode: (document: Document) => T;
  /** Default: the collection's name. A checkpoint finds positions by it. */
  readonly name?: string;
  /** Only documents that fit. */
  readonly filter?: Document;
  /** Only these fields; `_id` and the sort key are always among them. */
  readonly projection?: Document;
  /** Documents come in the order of this field and then of `_id`; needs an index of exactly `{ FIELD: 1, _id: 1 }`. Default: of `_id`. */
  readonly sortBy?: string;
  /** How many ranges are read side by side (1). They are cut so that each holds as many documents. */
  readonly ranges?: number;
  /** Documents an answer (1,000). */
  readonly batchSize?: number;
};

const DEFAULT_BATCH_SIZE = 1_000;
const MAX_RANGES = 64;

/**
 * Reads a collection once, as it is, in the order of `_id` or of another index, and ends. Each range is a partition. What is written meanwhile is seen if it lies ahead: for
 * what changes there is `mongoChanges`.
 *
 * Fails at connect with `E_MONGO_COLLECTION`, `E_MONGO_INDEX`, `E_MONGO_AUTH` or `E_MONGO_CONNECTION`.
 *
 * @example
 * ```ts
 * import { from } from "@millrace/core";
 * import { mongoSource } from "@millrace/mongo";
 * const citizens = mongoSource({
 *   url: "mongodb://127.0.0.1:27017", database: "app", collection: "citizens", ranges: 4,
 *   filter: { country: "is" }, decode: ({ _id, score }) => ({ id: String(_id), score: Number(score) }),
 * });
 * const scores = await from(citizens).map(({ score }) => score).collect();
 * ```
 */
export function mongoSource<T>(options: MongoSourceOptions<T>): Source<T> {
  requireConnection(options, "mongoSource");
  const { collection, ranges = 1, batchSize = DEFAULT_BATCH_SIZE, projection = {}, sortBy } = options;
  requireArgument(
    typeof collection === "string" && collection !== "",
    "mongoSource: collection must be a collection's name",
  );
  requireArgument(typeof options.decode === "function", "mongoSource: decode must be a function");
  requireArgument(
    Number.isInteger(ranges) && ranges >= 1 && ranges <= MAX_RANGES,
    `mongoSource: ranges must be a whole number from 1 to ${MAX_RANGES}; it is ${ranges}`,
  );
  requireArgument(
    Number.isInteger(batchSize) && batchSize >= 1,
    `mongoSource: batchSize must be a whole number from 1; it is ${batchSize}`,
  );
  const key = sortBy === undefined || sortBy === "_id" ? ["_id"] : [sortBy, "_id"];
  for (const field of key)
    requireArgument(
      projection[field] === undefined || projection[field] === 1 || projection[field] === true,
      `mongoSource: projection must keep "${field}", by which the place in the collection is told`,
    );
  return {
    name: options.name ?? sourceName(collection),
    bounded: true,
    connect: () => CollectionScan.open(options, key),
  };
}

class CollectionScan<T> implements SourceConnection<T> {
  readonly #options: MongoSourceOptions<T>;
  readonly #open: OpenClient;
  readonly #plan: ScanPlan;
  readonly #bson: BSONSerializeOptions;
  /** As positions have them. */
  #saved: Bounds | undefined;
  #bounds: Promise<Bounds> | undefined;
  #closing: Promise<void> | undefined;

  static async open<T>(options: MongoSourceOptions<T>, key: readonly string[]): Promise<CollectionScan<T>> {
    const open = await openClient(options);
    try {
      await requireCollection(open.db, options.collection);
      await requireIndex(open.db, options.collection, key);
      return new CollectionScan(options, key, open);
    } catch (error) {
      await open.close().catch(() => {});
      throw classify(error);
    }
  }

  private constructor(options: MongoSourceOptions<T>, key: readonly string[], open: OpenClient) {
    const { collection, filter, projection, batchSize = DEFAULT_BATCH_SIZE } = options;
    this.#options = options;
    this.#open = open;
    const { bsonOptions } = open.db.collection(collection);
    this.#bson = bsonOptions;
    this.#plan = { db: open.db, collection, filter, projection: withKey(projection, key), key, batchSize };
  }

  async subscribe(listener: Parameters<SourceConnection<T>["subscribe"]>[0]): Promise<void> {
    const { ranges = 1 } = this.#options;
    await listener.assigned(
      Array.from({ length: ranges }, (_, i) => String(i)),
      1,
    );
  }

  async open(partition: string, position: Position | undefined): Promise<SourceReader<T>> {
    const start = position === undefined ? undefined : parsePosition(position);
    // The collection may have changed since: all partitions keep to the ranges that one of them began with.
    this.#saved ??= start?.bounds;
    return new DocumentReader({
      plan: this.#plan,
      partition: Number(partition),
      start,
      bounds: () => this.#allBounds(),
      bson: this.#bson,
      decode: this.#options.decode,
    });
  }

  comparePositions(left: Position, right: Position): number {
    return parsePosition(left).count - parsePosition(right).count;
  }

  health(): ReturnType<typeof probe> {
    return probe(this.#open);
  }

  close(): Promise<void> {
    this.#closing ??= this.#open.close();
    return this.#closing;
  }

  /** Asked at the first read, when all partitions that have a position are open. */
  #allBounds(): Promise<Bounds> {
    this.#bounds ??= (async () => {
      try {
        return this.#saved ?? (await computeBounds(this.#plan, this.#options.ranges ?? 1));
      } catch (error) {
        this.#bounds = undefined;
        throw error;
      }
    })();
    return this.#bounds;
  }
}

function withKey(projection: Document | undefined, key: readonly string[]): Document | undefined {
  if (projection === undefined) return undefined;
  const includes = Object.entries(projection).some(([field, kept]) => field !== "_id" && (kept === 1 || kept === true));
  return includes ? { ...projection, ...Object.fromEntries(key.map((field) => [field, 1])) } : projection;
}
