import type { CellParam } from "./cell-bytes.js";
import type { BoundRow, RowStatements } from "./row-statements.js";

/** The rows of one partition in a write, in order. Tells which were in it before: those need a time of their own, to win over the earlier. */
export class PartitionRows {
  readonly rows: BoundRow[] = [];
  readonly #clustering: number;
  readonly #end: number;
  readonly #sharesCells: boolean;
  /** The largest first clustering column so far: whatever is above it was not here yet. */
  #largest: CellParam;
  /** The clustering keys of the first rows, so many as had to be known. */
  readonly #known = new Set<string>();
  #listed = 0;

  constructor({ partitionColumns, keyColumns, sharesCells }: RowStatements) {
    this.#clustering = partitionColumns;
    this.#end = keyColumns;
    this.#sharesCells = sharesCells || partitionColumns === keyColumns;
  }

  /** Whether it writes cells that a row before it writes too. To be asked before `bound` is among the rows. */
  repeats(bound: BoundRow): boolean {
    if (this.#sharesCells) return this.rows.length > 0;
    const value = bound.params[this.#clustering];
    if (this.rows.length === 0 || isAbove(value, this.#largest)) {
      this.#largest = value;
      return false;
    }
    for (; this.#listed < this.rows.length; this.#listed++)
      this.#known.add(this.#keyOf(this.rows[this.#listed] as BoundRow));
    return this.#known.has(this.#keyOf(bound));
  }

  /** Only of a row without a time of its own, which would shift what is behind it. */
  #keyOf({ params }: BoundRow): string {
    return keyOf(params, this.#clustering, this.#end);
  }
}

/** A part of a key as text, different for different cells. */
export function keyOf(params: readonly CellParam[], from: number, to: number): string {
  if (to - from === 1) return textOf(params[from]);
  let text = "";
  for (let i = from; i < to; i++) {
    const own = textOf(params[i]);
    text += `${own.length}:${own}`;
  }
  return text;
}

function textOf(param: CellParam): string {
  if (typeof param === "string") return param;
  if (typeof param === "number") return Object.is(param, -0) ? "-0" : String(param);
  return (param as Buffer).toString("latin1");
}

function isAbove(value: CellParam, other: CellParam): boolean {
  return (
    ((typeof value === "number" && typeof other === "number") ||
      (typeof value === "string" && typeof other === "string")) &&
    value > other
  );
}
