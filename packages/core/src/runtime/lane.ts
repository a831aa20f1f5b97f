import type { Key, Origin } from "../element.js";
import type { Batch } from "../stage.js";

/** What travels beside one value. */
type Column<V> = readonly (V | undefined)[] | null;

/** Values on their way to one write, as columns; a column is null where none of the values has it. */
export interface WriteGroup {
  readonly values: readonly unknown[];
  readonly keys: Column<Key>;
  readonly times: Column<number>;
  readonly origins: Column<Origin>;
  readonly firstSeen: number;
}

interface Part {
  readonly batch: Batch;
  readonly origins: Column<Origin>;
  readonly since: number;
  from: number;
}

/** Values that wait for one writer at a time, or for any writer where order does not matter. */
export class Lane {
  #parts: Part[] = [];
  size = 0;
  /** Writes in flight. */
  writing = 0;

  add(batch: Batch, origins: Column<Origin>, now: number): void {
    this.#parts.push({ batch, origins, since: now, from: 0 });
    this.size += batch.values.length;
  }

  /** When the oldest waiting value came. */
  get since(): number {
    return this.#parts[0]?.since ?? Number.POSITIVE_INFINITY;
  }

  /**
   * Takes the next values, at most `count`. A batch is never cut only to fill a write up, unless `fill`: a batch that fits is handed on as
   * it is, without a copy.
   */
  take(count: number, fill: boolean): WriteGroup {
    const firstSeen = this.since;
    const pieces: Piece[] = [];
    let taken = 0;
    while (taken < count) {
      const part = this.#parts[0];
      if (part === undefined) break;
      const left = part.batch.values.length - part.from;
      if (!fill && taken > 0 && taken + left > count) break;
      const end = part.from + Math.min(left, count - taken);
      pieces.push({ part, from: part.from, to: end });
      taken += end - part.from;
      part.from = end;
      if (end === part.batch.values.length) this.#parts.shift();
    }
    this.size -= taken;
    return groupOf(pieces, firstSeen);
  }
}

/** Values `from` up to, not including, `to` of a part. */
interface Piece {
  readonly part: Part;
  readonly from: number;
  readonly to: number;
}

function groupOf(pieces: readonly Piece[], firstSeen: number): WriteGroup {
  return {
    values: joined(pieces, ({ batch }) => batch.values) as readonly unknown[],
    keys: joined(pieces, ({ batch }) => batch.keys),
    times: joined(pieces, ({ batch }) => batch.times),
    origins: joined(pieces, ({ origins }) => origins),
    firstSeen,
  };
}

/** A column of all pieces, one behind the other. */
function joined<V>(pieces: readonly Piece[], columnOf: (part: Part) => Column<V>): Column<V> {
  const first = pieces[0];
  if (first !== undefined && pieces.length === 1) {
    const column = columnOf(first.part);
    if (column === null || (first.from === 0 && first.to === column.length)) return column;
    return column.slice(first.from, first.to);
  }
  if (pieces.every(({ part }) => columnOf(part) === null)) return null;
  const all: (V | undefined)[] = [];
  for (const { part, from, to } of pieces) {
    const column = columnOf(part);
    for (let i = from; i < to; i++) all.push(column?.[i]);
  }
  return all;
}

/** The values at these places. */
export function selectGroup(group: WriteGroup, places: readonly number[]): WriteGroup {
  const select = <V>(column: Column<V>): Column<V> => (column === null ? null : places.map((i) => column[i]));
  return {
    values: places.map((i) => group.values[i]),
    keys: select(group.keys),
    times: select(group.times),
    origins: select(group.origins),
    firstSeen: group.firstSeen,
  };
}
