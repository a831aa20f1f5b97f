import {
  type Logger,
  messageOf,
  type PoisonValue,
  type SourceBatch,
  type SourceReader,
  StreamError,
} from "@millrace/core";
import {
  BSON,
  type BSONSerializeOptions,
  type ChangeStreamDocument,
  type Db,
  type Document,
  type Timestamp,
} from "mongodb";
import { type ChangePosition, changePositionText, type SnapshotPlace, tickAfter } from "./change-position.js";
import { type ChangeBatch, ChangeFeed, type ChangeStreamPlan } from "./change-stream.js";
import { decodeDocuments } from "./document-reader.js";
import { changeOf, type MongoChange, timeOf } from "./mongo-change.js";
import { classifyRead } from "./mongo-errors.js";
import { isSnapshotGone, RangeScan, type ScanBatch } from "./range-scan.js";

export interface ChangeReaderParts<T> {
  readonly plan: ChangeStreamPlan;
  readonly decode: (change: MongoChange) => T;
  readonly bson: BSONSerializeOptions;
  readonly projection: Document | undefined;
  /** Undefined: to be found, at the first read. */
  readonly start: ChangePosition | undefined;
  readonly startAt: "earliest" | "latest" | Date;
  readonly stopAtLatest: boolean;
  readonly onDrop: "fail" | "continue";
  readonly onLostHistory: "fail" | "snapshot";
  readonly logger: Logger;
}

/** The clock of the deployment. */
export async function operationTime(db: Db): Promise<Timestamp> {
  const { operationTime: time } = (await db.command({ ping: 1 })) as { readonly operationTime?: Timestamp };
  if (time === undefined) throw new Error("the server does not tell its operation time");
  return time;
}

/** First the collections as they were at one moment, where asked for; then every change since. */
export class ChangeReader<T> implements SourceReader<T> {
  readonly #parts: ChangeReaderParts<T>;
  readonly #feed: ChangeFeed;
  readonly #closing: Promise<undefined>;
  #close: () => void = () => {};
  #closed = false;
  #ended = false;
  #position: ChangePosition | undefined;
  #scan: RangeScan | undefined;
  /** Of the next read. */
  #failure: StreamError | undefined;
  /** What happens later is not given any more. */
  #stopAt: Timestamp | undefined;

  constructor(parts: ChangeReaderParts<T>) {
    this.#parts = parts;
    this.#position = parts.start;
    this.#feed = new ChangeFeed(parts.plan);
    this.#closing = new Promise((resolve) => {
      this.#close = () => resolve(undefined);
    });
  }

  async read(): Promise<SourceBatch<T> | undefined> {
    if (this.#closed || this.#ended) return undefined;
    if (this.#failure !== undefined) throw this.#failure;
    try {
      return await Promise.race([this.#read(), this.#closing]);
    } catch (error) {
      if (this.#closed) return undefined;
      throw classifyRead(error);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#close();
    await Promise.all([this.#scan?.close(), this.#feed.close()]);
  }

  async #read(): Promise<SourceBatch<T> | undefined> {
    const { db } = this.#parts.plan;
    if (this.#parts.stopAtLatest) this.#stopAt ??= await operationTime(db);
    this.#position ??= await this.#begin();
    while (this.#position.snapshot !== undefined && !this.#closed) {
      const batch = await this.#snapshot(this.#position, this.#position.snapshot);
      if (batch !== undefined) return batch;
    }
    if (this.#closed) return undefined;
    return this.#changes(this.#position);
  }

  async #begin(): Promise<ChangePosition> {
    const { plan, startAt } = this.#parts;
    if (startAt instanceof Date) return { ...FROM_NOW, since: timestampOf(startAt) };
    const at = await operationTime(plan.db);
    return { ...FROM_NOW, since: tickAfter(at), ...(startAt === "earliest" ? this.#wholeSnapshot(at) : {}) };
  }

  #wholeSnapshot(at: Timestamp): Pick<ChangePosition, "snapshot" | "segments"> {
    const collection = this.#parts.plan.collections[0] as string;
    return { snapshot: { collection, after: undefined }, segments: [{ at, after: undefined }] };
  }

  /** The next documents of the snapshot; undefined: the position has moved on to the next collection, or to the changes. */
  async #snapshot(position: ChangePosition, place: SnapshotPlace): Promise<SourceBatch<T> | undefined> {
    const { plan, projection, bson, decode } = this.#parts;
    const { at } = position.segments[position.segments.length - 1] as ChangePosition["segments"][number];
    this.#scan ??= new RangeScan(
      {
        db: plan.db,
        collection: place.collection,
        filter: undefined,
        projection,
        key: ["_id"],
        batchSize: plan.batchSize,
      },
      { after: place.after, before: undefined },
      at,
    );
    let batch: ScanBatch | undefined;
    try {
      batch = await this.#scan.next();
    } catch (error) {
      this.#scan = undefined;
      if (!isSnapshotGone(error)) throw error;
      // MongoDB keeps a moment for some minutes. The rest is read as of a later one, and the stream leaves out what is in it.
      const later = { at: await operationTime(plan.db), after: place };
      this.#position = { ...position, segments: [...position.segments, later] };
      return undefined;
    }
    if (batch === undefined) {
      this.#scan = undefined;
      const next = plan.collections[plan.collections.indexOf(place.collection) + 1];
      this.#position = {
        ...position,
        snapshot: next === undefined ? undefined : { collection: next, after: undefined },
      };
      return undefined;
    }
    const time = at.t * 1_000;
    const asChange = (document: Document): T =>
      decode({
        kind: "snapshot",
        collection: place.collection,
        id: document._id,
        document,
        before: undefined,
        update: undefined,
        time,
      });
    const decoded = decodeDocuments(batch.documents, bson, asChange);
    this.#position = {
      ...position,
      count: position.count + batch.documents.length,
      snapshot: { collection: place.collection, after: batch.last },
    };
    return {
      ...decoded,
      // A change of the same document has another offset.
      offsets: (decoded.offsets ?? []).map((id) => `${place.collection}/${String(id)}`),
      times: decoded.values.map(() => time),
      position: changePositionText(this.#position),
    };
  }

  async #changes(position: ChangePosition): Promise<SourceBatch<T> | undefined> {
    let found: ChangeBatch;
    try {
      found = await this.#feed.next(position);
    } catch (error) {
      return this.#afterLostHistory(position, error);
    }
    if (this.#closed) return undefined;
    const events = this.#wanted(found.events);
    if (this.#ended && events.length === 0) return undefined;
    const token = events.length < found.events.length ? (events[events.length - 1]?._id as Document) : found.token;
    const decoded = this.#decode(events);
    this.#position = {
      ...position,
      count: position.count + decoded.values.length + (decoded.poison?.length ?? 0),
      token,
      segments: this.#isPast(position, events) ? [] : position.segments,
    };
    return {
      ...decoded,
      position: changePositionText(this.#position),
      ...(found.events.length === 0 ? { caughtUp: true } : {}),
    };
  }

  /** The events up to where this reader ends: at the moment it is to stop at, or at the end of a collection. */
  #wanted(found: readonly ChangeStreamDocument[]): readonly ChangeStreamDocument[] {
    const stopAt = this.#stopAt;
    let end = found.length;
    if (stopAt !== undefined) {
      const later = found.findIndex((event) => clusterTimeOf(event).greaterThan(stopAt));
      if (later !== -1) end = later;
      this.#ended = later !== -1 || found.length === 0;
    }
    const dropped = found.findIndex((event, i) => i < end && DROPS.test(event.operationType));
    if (dropped === -1) return found.slice(0, end);
    const { onDrop, logger, plan } = this.#parts;
    const { operationType } = found[dropped] as ChangeStreamDocument;
    if (onDrop === "continue") {
      logger.warn("a watched collection was dropped or renamed", { source: plan.name, event: operationType });
      return found.slice(0, end);
    }
    const failure = new StreamError(
      "E_MONGO_DROPPED",
      `source "${plan.name}": a watched collection was dropped or renamed (${operationType}). Documents that went with it were not told one by one. To go on with what comes into a new collection of this name: onDrop: "continue"`,
    );
    if (dropped === 0) throw failure;
    // What came before it is given first.
    this.#failure = failure;
    return found.slice(0, dropped);
  }

  /** Changes of the snapshot's time are over, so they need not be left out any more. */
  #isPast({ segments }: ChangePosition, events: readonly ChangeStreamDocument[]): boolean {
    const [newest, last] = [segments[segments.length - 1], events[events.length - 1]];
    return newest === undefined || (last !== undefined && clusterTimeOf(last).greaterThan(newest.at));
  }

  #decode(events: readonly ChangeStreamDocument[]): Omit<SourceBatch<T>, "position"> {
    const values: T[] = [];
    const offsets: string[] = [];
    const times: number[] = [];
    const poison: PoisonValue[] = [];
    let bytes = 0;
    for (const event of events) {
      const change = changeOf(event);
      if (change === undefined) continue;
      const offset = String((event._id as { readonly _data?: unknown })._data);
      bytes += BSON.calculateObjectSize(event);
      try {
        values.push(this.#parts.decode(change));
        offsets.push(offset);
        times.push(timeOf(event));
      } catch (error) {
        poison.push({ offset, raw: BSON.serialize(event), error: { code: "E_DECODE", message: messageOf(error) } });
      }
    }
    return { values, offsets, times, bytes, ...(poison.length === 0 ? {} : { poison }) };
  }

  #afterLostHistory(
    position: ChangePosition,
    error: unknown,
  ): SourceBatch<T> | undefined | Promise<SourceBatch<T> | undefined> {
    const { onLostHistory, logger, plan } = this.#parts;
    if (!(error instanceof StreamError && error.code === "E_MONGO_HISTORY") || onLostHistory === "fail") throw error;
    logger.warn("changes are lost: everything is read anew, and what was deleted meanwhile is not told", {
      source: plan.name,
    });
    return operationTime(plan.db).then((at) => {
      this.#position = { count: position.count, token: undefined, since: tickAfter(at), ...this.#wholeSnapshot(at) };
      return this.#read();
    });
  }
}

const DROPS = /^(drop|rename|dropDatabase|invalidate)$/;
const FROM_NOW: Omit<ChangePosition, "since"> = { count: 0, token: undefined, snapshot: undefined, segments: [] };

function timestampOf(date: Date): Timestamp {
  return BSON.Timestamp.fromBits(1, Math.floor(date.getTime() / 1_000)) as Timestamp;
}

function clusterTimeOf(event: ChangeStreamDocument): Timestamp {
  return (event as { readonly clusterTime?: Timestamp }).clusterTime ?? (BSON.Timestamp.fromBits(0, 0) as Timestamp);
}
