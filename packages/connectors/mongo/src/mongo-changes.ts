import {
  type Position,
  requireArgument,
  type Source,
  type SourceConnection,
  type SourceContext,
  type SourceReader,
} from "@millrace/core";
import type { BSONSerializeOptions, Document } from "mongodb";
import { parseChangePosition } from "./change-position.js";
import { ChangeReader } from "./change-reader.js";
import type { ChangeStreamPlan } from "./change-stream.js";
import type { MongoChange } from "./mongo-change.js";
import {
  type MongoConnection,
  type OpenClient,
  openClient,
  probe,
  requireCollection,
  requireConnection,
  requireReplicaSet,
  sourceName,
} from "./mongo-connection.js";
import { classify } from "./mongo-errors.js";

/** Options of {@link mongoChanges}. */
export type MongoChangesOptions<T> = MongoConnection & {
  /** A name, or several of the database, whose changes come in one order. */
  readonly collection: string | readonly string[];
  /** Makes a value of a change. What it throws sends the event's bytes to the first `onError` below. */
  readonly decode: (change: MongoChange) => T;
  /** Default: the names of the collections. A checkpoint finds positions by it. */
  readonly name?: string;
  /**
   * Where to begin without a position (the run's, which is "earliest" by default). "earliest": everything that is there, as of one moment, then every change since.
   * "latest": changes from now on. A Date: changes from then on, as far as the oplog reaches back.
   */
  readonly startAt?: "earliest" | "latest" | Date;
  /** "latest": ends at what has happened when it was opened. */
  readonly stopAt?: "latest";
  /** Stages behind the stream, such as `[{ $match: { operationType: "insert" } }]`. The snapshot does not pass them. */
  readonly pipeline?: readonly Document[];
  /** Of the snapshot's documents only these fields. */
  readonly projection?: Document;
  /** The whole document of an update: looked up when it is read ("updateLookup"), not at all ("default"), or as the collection kept it. */
  readonly fullDocument?: "default" | "updateLookup" | "whenAvailable" | "required";
  /** The document before the change ("off"); needs `changeStreamPreAndPostImages` on the collection. */
  readonly fullDocumentBeforeChange?: "off" | "whenAvailable" | "required";
  /** Changes of more than 16 MB come in parts and are put together (false). Needs MongoDB 6.0.9 or 7.0. */
  readonly splitLargeEvents?: boolean;
  /** A watched collection was dropped or renamed: fail ("fail"), or go on with a new one of its name. */
  readonly onDrop?: "fail" | "continue";
  /** The oplog no longer reaches back to the position: fail ("fail"), or read everything anew; what was deleted meanwhile is not told then. */
  readonly onLostHistory?: "fail" | "snapshot";
  /** Changes or documents an answer (1,000). */
  readonly batchSize?: number;
  /** Milliseconds the server waits for a change before it answers that there is none (1,000). */
  readonly maxAwaitMs?: number;
};

const PARTITION = "0";

/**
 * A collection as it is, and then every change of it, without a gap and without a repetition: the snapshot is read as of one moment, the stream begins right behind it. The place in
 * the stream is kept in checkpoints, also while nothing happens. Needs a replica set, and MongoDB 5 for the snapshot.
 *
 * Fails at connect with `E_MONGO_COLLECTION`, `E_MONGO_REPLICA_SET`, `E_MONGO_AUTH` or `E_MONGO_CONNECTION`; later with `E_MONGO_DROPPED` or `E_MONGO_HISTORY`.
 *
 * @example
 * ```ts
 * import { from } from "@millrace/core";
 * import { mongoChanges } from "@millrace/mongo";
 * const rules = mongoChanges({
 *   url: "mongodb://127.0.0.1:27017", database: "app", collection: "rules", stopAt: "latest",
 *   decode: ({ kind, id, document }) => ({ id: String(id), rule: kind === "delete" ? undefined : document }),
 * });
 * const seen = await from(rules).collect();
 * ```
 */
export function mongoChanges<T>(options: MongoChangesOptions<T>): Source<T> {
  requireConnection(options, "mongoChanges");
  const collections = collectionsOf(options.collection);
  requireArgument(
    collections.length > 0 && collections.every((name) => typeof name === "string" && name !== ""),
    "mongoChanges: collection must be a collection's name, or several",
  );
  requireArgument(typeof options.decode === "function", "mongoChanges: decode must be a function");
  for (const [name, value] of Object.entries({
    batchSize: options.batchSize ?? 1,
    maxAwaitMs: options.maxAwaitMs ?? 1,
  }))
    requireArgument(
      Number.isInteger(value) && value >= 1,
      `mongoChanges: ${name} must be a whole number from 1; it is ${value}`,
    );
  const name = options.name ?? sourceName(collections.join("-"));
  return { name, connect: (context) => ChangesConnection.open(options, name, context) };
}

class ChangesConnection<T> implements SourceConnection<T> {
  readonly #options: MongoChangesOptions<T>;
  readonly #context: SourceContext;
  readonly #open: OpenClient;
  readonly #plan: ChangeStreamPlan;
  readonly #bson: BSONSerializeOptions;
  #closing: Promise<void> | undefined;

  static async open<T>(
    options: MongoChangesOptions<T>,
    name: string,
    context: SourceContext,
  ): Promise<ChangesConnection<T>> {
    const open = await openClient(options);
    try {
      await requireReplicaSet(open.db, `source "${name}"`);
      for (const collection of collectionsOf(options.collection)) await requireCollection(open.db, collection);
      return new ChangesConnection(options, name, context, open);
    } catch (error) {
      await open.close().catch(() => {});
      throw classify(error);
    }
  }

  private constructor(options: MongoChangesOptions<T>, name: string, context: SourceContext, open: OpenClient) {
    this.#options = options;
    this.#context = context;
    this.#open = open;
    this.#bson = open.db.collection("any").bsonOptions;
    this.#plan = {
      db: open.db,
      name,
      collections: collectionsOf(options.collection),
      pipeline: options.pipeline ?? [],
      fullDocument: options.fullDocument ?? "updateLookup",
      fullDocumentBeforeChange: options.fullDocumentBeforeChange ?? "off",
      splitLargeEvents: options.splitLargeEvents ?? false,
      batchSize: options.batchSize ?? 1_000,
      maxAwaitMs: options.maxAwaitMs ?? 1_000,
    };
  }

  async subscribe(listener: Parameters<SourceConnection<T>["subscribe"]>[0]): Promise<void> {
    await listener.assigned([PARTITION], 1);
  }

  async open(_partition: string, position: Position | undefined): Promise<SourceReader<T>> {
    const { decode, projection, startAt, stopAt, onDrop = "fail", onLostHistory = "fail" } = this.#options;
    return new ChangeReader({
      plan: this.#plan,
      decode,
      bson: this.#bson,
      projection,
      start: position === undefined ? undefined : parseChangePosition(position),
      startAt: startAt ?? this.#context.startAt,
      stopAtLatest: stopAt === "latest",
      onDrop,
      onLostHistory,
      logger: this.#context.logger,
    });
  }

  comparePositions(left: Position, right: Position): number {
    return parseChangePosition(left).count - parseChangePosition(right).count;
  }

  health(): ReturnType<typeof probe> {
    return probe(this.#open);
  }

  close(): Promise<void> {
    this.#closing ??= this.#open.close();
    return this.#closing;
  }
}

/** In the order in which the snapshot reads them. */
function collectionsOf(collection: string | readonly string[]): string[] {
  return [...new Set(typeof collection === "string" ? [collection] : collection)].sort();
}
