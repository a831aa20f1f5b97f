import { StreamError, WriteError } from "@millrace/core";
import type { ChangeStream, ChangeStreamDocument, ChangeStreamOptions, Db, Document } from "mongodb";
import { type ChangePosition, overlapFilter } from "./change-position.js";
import { SplitEvents } from "./mongo-change.js";
import { classifyRead, codeOf } from "./mongo-errors.js";

export interface ChangeStreamPlan {
  readonly db: Db;
  readonly name: string;
  readonly collections: readonly string[];
  readonly pipeline: readonly Document[];
  readonly fullDocument: string;
  readonly fullDocumentBeforeChange: string;
  readonly splitLargeEvents: boolean;
  readonly batchSize: number;
  readonly maxAwaitMs: number;
}

/** What one answer held, and where to go on. */
export interface ChangeBatch {
  readonly events: readonly ChangeStreamDocument[];
  readonly token: Document;
}

/** The oplog no longer reaches back to the token, or the token is none. */
const HISTORY_LOST: ReadonlySet<number> = new Set([260, 280, 286]);
const NOT_A_REPLICA_SET = 40_573;
const NO_IMAGE = 47;
const TOO_LARGE = 10_334;

/**
 * Changes behind a position. By `tryNext()`: a stream that is piped or listened to does not resume. A stream that broke off for good is begun again at the next read, behind
 * what was given.
 */
export class ChangeFeed {
  readonly #plan: ChangeStreamPlan;
  #stream: ChangeStream | undefined;
  #split = new SplitEvents();

  constructor(plan: ChangeStreamPlan) {
    this.#plan = plan;
  }

  /** The next changes, or none after `maxAwaitMs`. */
  async next(position: ChangePosition): Promise<ChangeBatch> {
    try {
      this.#stream ??= this.#open(position);
      const stream = this.#stream;
      const events: ChangeStreamDocument[] = [];
      let partial = false;
      for (let event = await stream.tryNext(); event !== null || partial; ) {
        const whole = event === null ? undefined : this.#split.add(event);
        // A large change is given only when all of it is there: no position lies inside it.
        partial = whole === undefined;
        if (whole !== undefined) events.push(whole);
        const more = partial || (stream.bufferedCount() > 0 && events.length < this.#plan.batchSize);
        event = more ? await stream.tryNext() : null;
      }
      // Also where nothing happened: a token that stays as it is grows too old.
      const token = stream.resumeToken as Document;
      // Behind an invalidate there is nothing more; a new stream begins behind it.
      if (events[events.length - 1]?.operationType === "invalidate") await this.close();
      return { events, token };
    } catch (error) {
      await this.close();
      throw this.#explained(error);
    }
  }

  async close(): Promise<void> {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#split = new SplitEvents();
    await stream?.close().catch(() => {});
  }

  #open({ token, since, segments }: ChangePosition): ChangeStream {
    const { db, collections, pipeline, splitLargeEvents, batchSize, maxAwaitMs } = this.#plan;
    const [only] = collections;
    const stages = [
      ...(collections.length === 1 ? [] : [{ $match: { "ns.coll": { $in: [...collections] } } }]),
      ...overlapFilter(segments),
      ...pipeline,
      ...(splitLargeEvents ? [{ $changeStreamSplitLargeEvent: {} }] : []),
    ];
    const options: ChangeStreamOptions = {
      fullDocument: this.#plan.fullDocument,
      fullDocumentBeforeChange: this.#plan.fullDocumentBeforeChange,
      batchSize,
      maxAwaitTimeMS: maxAwaitMs,
      // Other than resumeAfter it also goes on behind an invalidate.
      ...(token === undefined ? { startAtOperationTime: since } : { startAfter: token }),
    };
    return collections.length === 1 && only !== undefined
      ? db.collection(only).watch(stages, options)
      : db.watch(stages, options);
  }

  #explained(error: unknown): Error {
    const code = codeOf(error);
    const { name } = this.#plan;
    if (code !== undefined && HISTORY_LOST.has(code))
      return new StreamError(
        "E_MONGO_HISTORY",
        `source "${name}": MongoDB no longer has the changes behind the saved position. What changed since is lost to the stream: begin anew with a snapshot (onLostHistory: "snapshot"), and make the oplog larger or stop for shorter`,
        { cause: error },
      );
    if (code === NOT_A_REPLICA_SET)
      return new WriteError(
        "fatal",
        "E_MONGO_REPLICA_SET",
        `source "${name}" needs a replica set or a sharded cluster: a server by itself has no changes to watch`,
        { cause: error },
      );
    if (code === NO_IMAGE)
      return new WriteError(
        "fatal",
        "E_MONGO_IMAGE",
        `source "${name}": a document's image is "required" and not there: the collection needs changeStreamPreAndPostImages, and keeps them for a time only`,
        { cause: error },
      );
    if (code === TOO_LARGE)
      return new WriteError(
        "fatal",
        "E_MONGO_TOO_LARGE",
        `source "${name}": a change has more than 16 MB: set splitLargeEvents (MongoDB 6.0.9, 7.0 and newer)`,
        { cause: error },
      );
    return classifyRead(error);
  }
}
