import { StreamError } from "@millrace/core";
import type { Snapshot } from "./dgraph-client.js";

/** Where a scan is: its snapshot, and the last uid that was read. */
export interface ScanPosition {
  readonly at: Snapshot | undefined;
  readonly after: string;
  /** Everything of the snapshot was read. */
  readonly over: boolean;
}

const FORM = /^(\d{1,16})\/(0x[0-9a-f]{1,16})\/(more|over)\/([0-9A-Za-z+/=_-]*)$/;

export function positionText({ at, after, over }: ScanPosition & { readonly at: Snapshot }): string {
  return `${at.ts}/${after}/${over ? "over" : "more"}/${at.hash}`;
}

/** Reads a position; its uid goes into a query's text, so it must be one. */
export function scanPosition(text: string | undefined): ScanPosition {
  if (text === undefined) return { at: undefined, after: "0x0", over: false };
  const [, ts, after, state, hash] = FORM.exec(text) ?? [];
  if (ts === undefined || after === undefined)
    throw new StreamError(
      "E_DGRAPH_POSITION",
      `dgraphSource: ${JSON.stringify(text.slice(0, 100))} is no position of a scan`,
    );
  return { at: { ts: Number(ts), hash: hash ?? "" }, after, over: state === "over" };
}

/** By snapshot, then by uid. */
export function compareScans(left: ScanPosition, right: ScanPosition): number {
  const byTime = (left.at?.ts ?? 0) - (right.at?.ts ?? 0);
  if (byTime !== 0) return byTime;
  const byUid = BigInt(left.after) - BigInt(right.after);
  if (byUid !== 0n) return byUid < 0n ? -1 : 1;
  return Number(left.over) - Number(right.over);
}
