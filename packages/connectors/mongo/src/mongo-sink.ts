import type {
  BatchPolicy,
  RuntimeContext,
  Sink,
  SinkCommit,
  SinkConnection,
  SinkWriter,
  WriteOutcome,
} from "@millrace/core";
import { type Collection, MongoBulkWriteError, type WriteError as MongoWriteError } from "mongodb";
import { classify, classOfCode, type MongoConnection, openClient, probe } from "./mongo-client.js";
import { systemOf } from "./mongo-system.js";
import { type MongoWrite, modelOf, settledByDuplicate, targetOf } from "./mongo-write.js";

/** Options of {@link mongoSink}. */
export type MongoSinkOptions<T> = MongoConnection & {
  readonly collection: string;
  /** What a value does; undefined: nothing. */
  readonly write: (value: T) => MongoWrite | undefined;
  /** Default: `mongo:DATABASE.COLLECTION`. */
  readonly name?: string;
  /** Default: 1,000 values. */
  readonly batch?: BatchPolicy;
  /** Bulk writes in flight (1). With more, values of one key stay in order on a keyed stream. */
  readonly concurrency?: number;
};

/** What a transactional writer hands to `mongoCheckpoints` of the same database. */
export interface MongoCommit {
  readonly collection: string;
  readonly writes: readonly MongoWrite[];
}

/**
 * Writes to a collection by bulk: majority and journaled. Documents that MongoDB refuses (a validator, a size) go to `onError`, the others are written. With
 * `mongoCheckpoints` of the same deployment and database the writes are part of the checkpoint's transaction: exactly-once.
 *
 * @example
 * ```ts
 * import { from } from "@millrace/core";
 * import { mongoSink } from "@millrace/mongo";
 * const scores = mongoSink<{ id: string; score: number }>({
 *   url: "mongodb://127.0.0.1:27017", database: "app", collection: "scores",
 *   write: ({ id, score }) => ({ kind: "set", id, fields: { score } }),
 * });
 * const done = from([{ id: "ada", score: 7 }]).to(scores).run();
 * ```
 */
export function mongoSink<T>(options: MongoSinkOptions<T>): Sink<T> {
  const {
    collection,
    database,
    name = `mongo:${database}.${collection}`,
    batch = { size: 1_000 },
    concurrency,
  } = options;
  const system = systemOf(options);
  return {
    name,
    writes: "idempotent",
    batch,
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(system === undefined ? {} : { system }),
    connect: async (context: RuntimeContext): Promise<SinkConnection<T>> => {
      const open = await openClient(options);
      const documents = open.client
        .db(database)
        .collection(collection, { writeConcern: { w: "majority", journal: true } });
      const transactional = system !== undefined && context.transactionalSystem === system;
      return {
        open: async () => (transactional ? new TransactionalWriter(options) : new BulkWriter(documents, options)),
        health: () => probe(open.client),
        close: open.close,
      };
    },
  };
}

class BulkWriter<T> implements SinkWriter<T> {
  readonly #collection: Collection;
  readonly #write: (value: T) => MongoWrite | undefined;

  constructor(collection: Collection, options: MongoSinkOptions<T>) {
    this.#collection = collection;
    this.#write = options.write;
  }

  async write(values: readonly T[]): Promise<readonly WriteOutcome[]> {
    const outcomes = new Array<WriteOutcome>(values.length).fill("written");
    const writes: { readonly write: MongoWrite; readonly place: number }[] = [];
    values.forEach((value, place) => {
      const write = this.#write(value);
      if (write !== undefined) writes.push({ write, place });
    });
    // An unordered bulk may change the order of its writes, so a document is in it only once.
    for (const group of distinctTargets(writes)) await this.#bulk(group, outcomes);
    return outcomes;
  }

  async close(): Promise<void> {}

  async #bulk(
    group: readonly { readonly write: MongoWrite; readonly place: number }[],
    outcomes: WriteOutcome[],
  ): Promise<void> {
    const ordered = group.some(({ write }) => write.kind === "model");
    try {
      await this.#collection.bulkWrite(
        group.map(({ write }) => modelOf(write)),
        { ordered },
      );
    } catch (error) {
      if (!(error instanceof MongoBulkWriteError)) throw classify(error);
      const failures = Array.isArray(error.writeErrors) ? error.writeErrors : [error.writeErrors];
      if (failures.length === 0) throw classify(error);
      this.#settle(group, failures, ordered, outcomes);
    }
  }

  #settle(
    group: readonly { readonly write: MongoWrite; readonly place: number }[],
    failures: readonly MongoWriteError[],
    ordered: boolean,
    outcomes: WriteOutcome[],
  ): void {
    for (const { index, code, errmsg } of failures) {
      const { write, place } = group[index] as (typeof group)[number];
      const settled = code === 11000 && settledByDuplicate(write);
      // Two upserts of one new document: the other one made it, so this one will find it.
      const raced = code === 11000 && (write.kind === "replace" || write.kind === "set") && /_id_/.test(errmsg ?? "");
      if (!settled)
        outcomes[place] = {
          class: raced ? "conflict" : classOfCode(code),
          code: `E_MONGO_${code}`,
          message: `MongoDB: ${errmsg ?? "the write failed"}`,
        };
    }
    const stoppedAt = failures[0]?.index ?? group.length;
    // An ordered bulk stops at its first failure: what is behind it has not been tried.
    if (ordered)
      for (const { place } of group.slice(stoppedAt + 1))
        outcomes[place] = {
          class: "transient",
          code: "E_MONGO_STOPPED",
          message: "a write before it in the batch failed",
        };
  }
}

/** Cuts writes into groups in which no document is written twice, in order. */
function distinctTargets<W extends { readonly write: MongoWrite }>(writes: readonly W[]): W[][] {
  const groups: W[][] = [];
  let current: W[] = [];
  let seen = new Set<string>();
  for (const entry of writes) {
    const target = targetOf(entry.write);
    if (target !== undefined && seen.has(target)) {
      groups.push(current);
      current = [];
      seen = new Set();
    }
    if (target !== undefined) seen.add(target);
    current.push(entry);
  }
  if (current.length > 0) groups.push(current);
  return groups;
}

/** Keeps the writes of an epoch for the checkpoint's own transaction. */
class TransactionalWriter<T> implements SinkWriter<T> {
  readonly #options: MongoSinkOptions<T>;
  #writes: MongoWrite[] = [];

  constructor(options: MongoSinkOptions<T>) {
    this.#options = options;
  }

  async write(values: readonly T[]): Promise<void> {
    for (const value of values) {
      const write = this.#options.write(value);
      if (write !== undefined) this.#writes.push(write);
    }
  }

  async flush(): Promise<SinkCommit> {
    const commit: MongoCommit = { collection: this.#options.collection, writes: this.#writes };
    this.#writes = [];
    return commit.writes.length === 0 ? {} : { commit };
  }

  async close(): Promise<void> {}
}
