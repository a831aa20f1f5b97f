import { type Db, type Document, MongoServerError, type RunCommandCursor, type Timestamp } from "mongodb";
import { type Bound, boundOf, boundText } from "./id-text.js";
import { codeOf } from "./mongo-errors.js";

/** What is read, and by which key. */
export interface ScanPlan {
  readonly db: Db;
  readonly collection: string;
  readonly filter: Document | undefined;
  readonly projection: Document | undefined;
  /** The fields of an index, in its order, ending in `_id`: what is read is sorted by them, and its place is told by them. */
  readonly key: readonly string[];
  readonly batchSize: number;
}

/** From `from` on, or behind `after` where that is known; up to, not including, `before`. Undefined: from the begin, to the end. */
export interface ScanRange {
  readonly from?: Bound | undefined;
  readonly after: Bound | undefined;
  readonly before: Bound | undefined;
}

/** The documents of a batch as BSON, and the key of the last one. */
export interface ScanBatch {
  readonly documents: readonly Uint8Array[];
  readonly last: Bound;
}

/** A cursor that nobody asked for ten minutes is gone, one whose session ended after thirty too. */
const GONE: ReadonlySet<number> = new Set([43, 237, 206]);

/**
 * Reads a range of a collection in the order of an index, from wherever it stopped. A cursor that is gone is begun again behind the last document: nothing depends on its
 * life. The bounds are the index's own (`min` and `max`): a filter such as `_id: { $gt: 5 }` would only find numbers, and so end before the first text.
 */
export class RangeScan {
  readonly #plan: ScanPlan;
  readonly #range: ScanRange;
  readonly #at: Timestamp | undefined;
  #after: Bound | undefined;
  #cursor: RunCommandCursor | undefined;

  /** With `at`, the collection as of that moment. */
  constructor(plan: ScanPlan, range: ScanRange, at?: Timestamp) {
    this.#plan = plan;
    this.#range = range;
    this.#after = range.after;
    this.#at = at;
  }

  /** The next documents; undefined: there are no more. */
  async next(): Promise<ScanBatch | undefined> {
    for (let again = 0; ; again++) {
      try {
        return await this.#read();
      } catch (error) {
        const begun = this.#cursor !== undefined;
        await this.close();
        if (!begun || again > 0 || !GONE.has(codeOf(error) ?? 0)) throw error;
      }
    }
  }

  async close(): Promise<void> {
    const cursor = this.#cursor;
    this.#cursor = undefined;
    await cursor?.close().catch(() => {});
  }

  async #read(): Promise<ScanBatch | undefined> {
    const { key } = this.#plan;
    this.#cursor ??= this.#open();
    for (;;) {
      const first = (await this.#cursor.next()) as Uint8Array | null;
      if (first === null) return undefined;
      const documents = [first, ...(this.#cursor.readBufferedDocuments() as unknown as Uint8Array[])];
      const last = boundOf(documents[documents.length - 1] as Uint8Array, key);
      // The lower bound of an index includes it.
      if (this.#after !== undefined && boundText(boundOf(first, key)) === boundText(this.#after)) documents.shift();
      this.#after = last;
      if (documents.length > 0) return { documents, last };
    }
  }

  #open(): RunCommandCursor {
    const { db, collection, filter = {}, projection, key, batchSize } = this.#plan;
    const order = Object.fromEntries(key.map((field) => [field, 1]));
    const min = this.#after ?? this.#range.from;
    const command: Document = {
      find: collection,
      filter,
      sort: order,
      hint: order,
      batchSize,
      ...(projection === undefined ? {} : { projection }),
      ...(min === undefined ? {} : { min }),
      ...(this.#range.before === undefined ? {} : { max: this.#range.before }),
      readConcern: this.#at === undefined ? { level: "majority" } : { level: "snapshot", atClusterTime: this.#at },
    };
    // As bytes: their size is known, and one that can not be decoded harms no other.
    return db.runCursorCommand(command, { raw: true }).setBatchSize(batchSize);
  }
}

/** The snapshot is no longer, or not yet, to be had. */
export function isSnapshotGone(error: unknown): boolean {
  return error instanceof MongoServerError && (codeOf(error) === 239 || codeOf(error) === 246);
}
