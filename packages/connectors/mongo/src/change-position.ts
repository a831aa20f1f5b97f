import type { Position } from "@millrace/core";
import { BSON, type Document, Timestamp } from "mongodb";
import { type Bound, boundText, parseBound } from "./id-text.js";

/** A place in the snapshot: a collection, and the last document read of it. */
export interface SnapshotPlace {
  readonly collection: string;
  readonly after: Bound | undefined;
}

/** What was read as of one moment: everything behind `after`, up to where the next segment begins. */
export interface Segment {
  readonly at: Timestamp;
  readonly after: SnapshotPlace | undefined;
}

/** Where a reader of changes is. */
export interface ChangePosition {
  /** Values it has given: what positions are compared by. */
  readonly count: number;
  /** Changes from this moment on, while there is no token. */
  readonly since: Timestamp;
  readonly token: Document | undefined;
  /** While the snapshot is read. */
  readonly snapshot: SnapshotPlace | undefined;
  /** The snapshot's parts, as long as changes of their time may still come. */
  readonly segments: readonly Segment[];
}

interface PositionText {
  readonly n: number;
  readonly since: string;
  readonly token?: string;
  readonly snapshot?: readonly [string, string?];
  readonly segments?: readonly (readonly [string, string?, string?])[];
}

export function changePositionText({ count, since, token, snapshot, segments }: ChangePosition): Position {
  const text: PositionText = {
    n: count,
    since: since.toString(),
    ...(token === undefined ? {} : { token: BSON.EJSON.stringify(token, { relaxed: false }) }),
    ...(snapshot === undefined ? {} : { snapshot: placeText(snapshot) }),
    ...(segments.length === 0
      ? {}
      : {
          segments: segments.map(({ at, after }) => [
            at.toString(),
            ...(after === undefined ? [] : placeText(after)),
          ]) as unknown as PositionText["segments"] & {},
        }),
  };
  return JSON.stringify(text);
}

export function parseChangePosition(position: Position): ChangePosition {
  const { n, since, token, snapshot, segments = [] } = JSON.parse(position) as PositionText;
  return {
    count: n,
    since: parseTime(since),
    token: token === undefined ? undefined : (BSON.EJSON.parse(token, { relaxed: false }) as Document),
    snapshot: snapshot === undefined ? undefined : parsePlace(...snapshot),
    segments: segments.map(([at, ...after]) => ({
      at: parseTime(at),
      after: after[0] === undefined ? undefined : parsePlace(after[0], after[1]),
    })),
  };
}

function placeText({ collection, after }: SnapshotPlace): readonly [string, string?] {
  return after === undefined ? [collection] : [collection, boundText(after)];
}

function parsePlace(collection: string, after?: string): SnapshotPlace {
  return { collection, after: after === undefined ? undefined : parseBound(after) };
}

function parseTime(text: string): Timestamp {
  return Timestamp.fromString(text, 10);
}

/** The next moment there is. */
export function tickAfter(time: Timestamp): Timestamp {
  return new Timestamp({ t: time.t, i: time.i + 1 });
}

/**
 * The filter that leaves out of the stream what the snapshot has already: the first segment is as of the moment at which the stream begins, a later one as of later, so changes of
 * its documents until then are in it. The server compares, because only it knows the order of ids.
 */
export function overlapFilter(segments: readonly Segment[]): Document[] {
  const known = segments.slice(1).map(({ at, after }, i) => {
    const next = segments[i + 2]?.after;
    return {
      $and: [
        { $lte: ["$clusterTime", { $literal: at }] },
        ...(after === undefined ? [] : [isBehind(after)]),
        ...(next === undefined ? [] : [{ $not: [isBehind(next)] }]),
      ],
    };
  });
  return known.length === 0 ? [] : [{ $match: { $expr: { $not: [{ $or: known }] } } }];
}

/** A change's document lies behind a place of the snapshot, which reads collection by collection. */
function isBehind({ collection, after }: SnapshotPlace): Document {
  const later = { $gt: ["$ns.coll", { $literal: collection }] };
  if (after === undefined) return { $gte: ["$ns.coll", { $literal: collection }] };
  const here = { $eq: ["$ns.coll", { $literal: collection }] };
  return { $or: [later, { $and: [here, { $gt: ["$documentKey._id", { $literal: after._id }] }] }] };
}
