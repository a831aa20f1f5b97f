import type { Key, Origin } from "../element.js";
import type { Batch } from "../stage.js";

/** Values on their way to one write, as columns. */
export interface WriteGroup {
  readonly values: readonly unknown[];
  readonly keys: readonly (Key | undefined)[];
  readonly times: readonly (number | undefined)[];
  readonly origins: readonly (Origin | undefined)[];
  readonly firstSeen: number;
}

interface Part {
  readonly batch: Batch;
  readonly origins: readonly (Origin | undefined)[] | null;
  readonly since: number;
  from: number;
}

/** Values that wait for one writer at a time, or for any writer where order does not matter. */
export class Lane {
  #parts: Part[] = [];
  size = 0;
  /** Writes in flight. */
  writing = 0;

  add(batch: Batch, origins: readonly (Origin | undefined)[] | null, now: number): void {
    this.#parts.push({ batch, origins, since: now, from: 0 });
    this.size += batch.values.length;
  }

  /** When the oldest waiting value came. */
  get since(): number {
    return this.#parts[0]?.since ?? Number.POSITIVE_INFINITY;
  }

  /** Takes the next values, at most `count`. */
  take(count: number): WriteGroup {
    const firstSeen = this.since;
    const first = this.#parts[0] as Part;
    if (first.from === 0 && first.batch.values.length <= count && (this.#parts.length === 1 || first.batch.values.length === count)) {
      this.#parts.shift();
      this.size -= first.batch.values.length;
      return whole(first, firstSeen);
    }
    const group = { values: [] as unknown[], keys: [] as (Key | undefined)[], times: [] as (number | undefined)[], origins: [] as (Origin | undefined)[], firstSeen };
    while (group.values.length < count && this.#parts.length > 0) {
      const part = this.#parts[0] as Part;
      const end = Math.min(part.batch.values.length, part.from + count - group.values.length);
      for (let i = part.from; i < end; i++) {
        group.values.push(part.batch.values[i]);
        group.keys.push(part.batch.keys?.[i]);
        group.times.push(part.batch.times?.[i]);
        group.origins.push(part.origins?.[i]);
      }
      if (end === part.batch.values.length) this.#parts.shift();
      else part.from = end;
    }
    this.size -= group.values.length;
    return group;
  }
}

function whole({ batch, origins }: Part, firstSeen: number): WriteGroup {
  const none: undefined[] = new Array(batch.values.length).fill(undefined);
  return { values: batch.values, keys: batch.keys ?? none, times: batch.times ?? none, origins: origins ?? none, firstSeen };
}

/** The values at these places. */
export function selectGroup(group: WriteGroup, places: readonly number[]): WriteGroup {
  return {
    values: places.map((i) => group.values[i]),
    keys: places.map((i) => group.keys[i]),
    times: places.map((i) => group.times[i]),
    origins: places.map((i) => group.origins[i]),
    firstSeen: group.firstSeen,
  };
}
