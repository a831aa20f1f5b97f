import {
  type RuntimeContext,
  type SinkCommit,
  type SinkWriter,
  untilAborted,
  type WriteContext,
  WriteError,
  type WriteOutcome,
} from "@millrace/core";
import { BSON, type Collection, type MongoClient } from "mongodb";
import { aborted, outcomeOf, type PlacedWrite, placeWrites, refusalOfDriver } from "./bulk-writer.js";
import { classify } from "./mongo-errors.js";
import { MongoPayload } from "./mongo-system.js";
import type { MongoWrite } from "./mongo-write.js";
import { bulkInTransaction, inTransaction, type Refused } from "./transaction.js";

export interface TransactionalWriterParts<T> {
  readonly client: MongoClient;
  readonly context: RuntimeContext;
  readonly collection: Collection;
  readonly write: (value: T) => MongoWrite | undefined;
  readonly system: string;
  readonly maxBytes: number;
  /** The collection has a validator or a unique index: writes are tried before they are kept. */
  readonly tried: boolean;
}

/**
 * Keeps the writes of an epoch for the transaction of its checkpoint. A write that MongoDB refuses would end that transaction, so where it can refuse any they are
 * tried first, in a transaction that is taken back.
 */
export class TransactionalWriter<T> implements SinkWriter<T> {
  readonly #parts: TransactionalWriterParts<T>;
  #writes: MongoWrite[] = [];
  #bytes = 0;

  constructor(parts: TransactionalWriterParts<T>) {
    this.#parts = parts;
  }

  async write(values: readonly T[], { signal }: WriteContext): Promise<readonly WriteOutcome[]> {
    if (signal.aborted) throw aborted();
    const { write, maxBytes, collection, tried } = this.#parts;
    const outcomes = new Array<WriteOutcome>(values.length).fill("written");
    let sound = placeWrites(values, write, outcomes).filter(({ place, model }) => {
      const refusal = refusalOfDriver(model);
      if (refusal !== undefined) outcomes[place] = refusal;
      return refusal === undefined;
    });
    if (tried) sound = await untilAborted(this.#accepted(sound, outcomes), signal, aborted);
    const bytes = sound.reduce((sum, { model }) => sum + BSON.calculateObjectSize(model), 0);
    if (this.#bytes + bytes > maxBytes)
      throw new WriteError(
        "fatal",
        "E_MONGO_EPOCH_TOO_LARGE",
        `collection "${collection.collectionName}": more than ${maxBytes} bytes of writes wait for one checkpoint. Take checkpoints more often, or raise maxEpochBytes`,
      );
    this.#bytes += bytes;
    for (const one of sound) this.#writes.push(one.write);
    return outcomes;
  }

  async flush(): Promise<void | SinkCommit> {
    const writes = this.#writes;
    this.#writes = [];
    this.#bytes = 0;
    const { system, collection } = this.#parts;
    if (writes.length > 0)
      return { commit: new MongoPayload(system, collection.dbName, collection.collectionName, writes) };
  }

  async close(): Promise<void> {}

  /** The writes that MongoDB takes. What it refuses ends a transaction, so it is left out and the others are tried again. */
  async #accepted(writes: readonly PlacedWrite[], outcomes: WriteOutcome[]): Promise<PlacedWrite[]> {
    let left = [...writes];
    while (left.length > 0) {
      const refused = await this.#tryOnce(left);
      if (refused === undefined) break;
      const { place, write } = left[refused.index] as PlacedWrite;
      const outcome = outcomeOf(write, refused.code, refused.message);
      if (outcome !== "written" && outcome.class !== "poison")
        throw new WriteError(outcome.class, outcome.code, outcome.message);
      outcomes[place] = outcome;
      left = left.filter((_, i) => i !== refused.index);
    }
    return left;
  }

  async #tryOnce(writes: readonly PlacedWrite[]): Promise<Refused | undefined> {
    const { client, collection, context } = this.#parts;
    const models = writes.map(({ model }) => model);
    const session = client.startSession();
    try {
      const { clock, random } = context;
      const trial = (): Promise<Refused | undefined> => bulkInTransaction(collection, models, session);
      return await inTransaction(session, trial, { clock, random, keep: false });
    } catch (error) {
      throw classify(error);
    } finally {
      await session.endSession().catch(() => {});
    }
  }
}
