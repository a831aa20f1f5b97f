import type { Position } from "@millrace/core";
import { StreamError } from "@millrace/core";

/** Where a scan of a part of the ring stands. */
export interface ScanPlace {
  /** All rows of tokens up to here are done. */
  readonly done: bigint;
  /** So many rows of the next token are done as well. */
  readonly rows: number;
  /** The server's own mark behind the last row, for the request that was above `after` and up to `upTo`. */
  readonly page: { readonly after: bigint; readonly upTo: bigint; readonly state: string } | undefined;
}

const PATTERN = /^(-?\d+) (\d+)(?: (-?\d+) (-?\d+) ([0-9a-f]+))?$/;

export function writePlace({ done, rows, page }: ScanPlace): Position {
  return page === undefined ? `${done} ${rows}` : `${done} ${rows} ${page.after} ${page.upTo} ${page.state}`;
}

/** Throws `E_SCYLLA_POSITION` where the text is no position of a scan. */
export function readPlace(position: Position): ScanPlace {
  const [, done, rows, after, upTo, state] = PATTERN.exec(position) ?? [];
  if (done === undefined)
    throw new StreamError("E_SCYLLA_POSITION", `${JSON.stringify(position)} is no position of a scan by token range`);
  return {
    done: BigInt(done),
    rows: Number(rows),
    page: state === undefined ? undefined : { after: BigInt(after as string), upTo: BigInt(upTo as string), state },
  };
}

export function comparePlaces(left: Position, right: Position): number {
  const one = readPlace(left);
  const other = readPlace(right);
  if (one.done !== other.done) return one.done < other.done ? -1 : 1;
  return one.rows - other.rows;
}
