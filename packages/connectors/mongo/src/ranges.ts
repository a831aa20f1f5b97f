import { type Position, WriteError } from "@millrace/core";
import type { Db } from "mongodb";
import { type Bound, boundOf, boundText, parseBound } from "./id-text.js";
import type { ScanPlan } from "./range-scan.js";

/** Where one range ends and the next begins, in order: one fewer than there are ranges, or less in a small collection. */
export type Bounds = readonly Bound[];

/** Where a reader of a range is. */
export interface RangePosition {
  /** Documents it has given: what positions are compared by. */
  readonly count: number;
  readonly last: Bound;
  readonly bounds: Bounds;
}

export function positionText({ count, last, bounds }: RangePosition): Position {
  return JSON.stringify([count, boundText(last), ...bounds.map(boundText)]);
}

export function parsePosition(text: Position): RangePosition {
  const [count, last, ...bounds] = JSON.parse(text) as [number, string, ...string[]];
  return { count, last: parseBound(last), bounds: bounds.map(parseBound) };
}

/** What belongs to a range; undefined: nothing, the collection had fewer documents than ranges. */
export function rangeOf(
  bounds: Bounds,
  range: number,
): { readonly from: Bound | undefined; readonly to: Bound | undefined } | undefined {
  if (range > bounds.length) return undefined;
  return { from: range === 0 ? undefined : bounds[range - 1], to: bounds[range] };
}

/** Cuts the collection by counting along its index: of an unchanged collection always the same, so that ids made of partition and offset are too. */
export async function computeBounds({ db, collection, key }: ScanPlan, ranges: number): Promise<Bounds> {
  if (ranges === 1) return [];
  const documents = db.collection(collection, { readConcern: { level: "majority" } });
  const step = Math.ceil((await documents.estimatedDocumentCount()) / ranges);
  const order = Object.fromEntries(key.map((field) => [field, 1 as const]));
  const bounds: Bound[] = [];
  while (step > 0 && bounds.length < ranges - 1) {
    const before = bounds[bounds.length - 1];
    const found = documents.find({}, { raw: true, projection: order }).hint(order).sort(order).skip(step).limit(1);
    const [next] = (await (before === undefined ? found : found.min(before)).toArray()) as unknown as Uint8Array[];
    if (next === undefined) break;
    bounds.push(boundOf(next, key));
  }
  return bounds;
}

/** Fails where the order has no index: every batch would sort the whole collection. */
export async function requireIndex(db: Db, collection: string, key: readonly string[]): Promise<void> {
  if (key.length === 1) return;
  const wanted = JSON.stringify(key.map((field) => [field, 1]));
  const indexes = await db.collection(collection).indexes();
  const fits = indexes.some(
    (index) =>
      JSON.stringify(Object.entries(index.key)) === wanted &&
      index.sparse !== true &&
      index.partialFilterExpression === undefined,
  );
  if (!fits)
    throw new WriteError(
      "fatal",
      "E_MONGO_INDEX",
      `collection "${collection}" has no index { ${key.map((field) => `${field}: 1`).join(", ")} } over all documents, which reading by "${key[0]}" needs: make it, see ensureSchema()`,
    );
}
