import type { RuntimeContext } from "@millrace/core";
import {
  type AnyBulkWriteOperation,
  type ClientSession,
  type Collection,
  MongoBulkWriteError,
  MongoError,
} from "mongodb";
import { refusalText } from "./refusal-text.js";

/** Tries of a transaction that another one got in the way of: nothing of it was written. */
const TRIES = 10;
const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 1_000;
/** Tries of a commit that gave no answer: a repeated one is no second one. */
const COMMIT_TRIES = 3;

/** A write that the server refused inside a transaction, which is over with that. */
export interface Refused {
  readonly index: number;
  readonly code: number;
  readonly message: string;
}

export interface TransactionOptions extends Pick<RuntimeContext, "clock" | "random"> {
  readonly keep?: boolean;
}

/**
 * Runs work in a transaction of majority and journal, again, after a pause, where another one got in its way. Not the driver's `withTransaction`: that goes on for two minutes. With
 * `keep: false` everything is taken back. A commit without an answer throws what the driver does, labelled UnknownTransactionCommitResult.
 */
export async function inTransaction<R>(
  session: ClientSession,
  work: (session: ClientSession) => Promise<R>,
  { clock, random, keep = true }: TransactionOptions,
): Promise<R> {
  for (let attempt = 1; ; attempt++) {
    session.startTransaction({
      readConcern: { level: "snapshot" },
      writeConcern: { w: "majority", journal: true },
      readPreference: "primary",
    });
    try {
      const result = await work(session);
      if (keep) await commit(session);
      else await session.abortTransaction();
      return result;
    } catch (error) {
      if (session.inTransaction()) await session.abortTransaction().catch(() => {});
      const again = error instanceof MongoError && error.hasErrorLabel("TransientTransactionError");
      if (!again || attempt >= TRIES) throw error;
    }
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt) * random();
    await new Promise<void>((resolve) => clock.schedule(clock.now() + pauseMs, resolve));
  }
}

async function commit(session: ClientSession): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await session.commitTransaction();
      return;
    } catch (error) {
      const unknown = error instanceof MongoError && error.hasErrorLabel("UnknownTransactionCommitResult");
      if (!unknown || attempt >= COMMIT_TRIES) throw error;
    }
  }
}

/** Writes in order; a write that is refused is returned, not thrown. */
export async function bulkInTransaction(
  collection: Collection,
  models: readonly AnyBulkWriteOperation[],
  session: ClientSession,
): Promise<Refused | undefined> {
  try {
    await collection.bulkWrite([...models], { session, ordered: true });
    return undefined;
  } catch (error) {
    if (error instanceof MongoError && error.hasErrorLabel("TransientTransactionError")) throw error;
    const [first] = error instanceof MongoBulkWriteError ? [error.writeErrors].flat() : [];
    if (first === undefined) throw error;
    return { index: first.index, code: first.code, message: refusalText(first) };
  }
}
