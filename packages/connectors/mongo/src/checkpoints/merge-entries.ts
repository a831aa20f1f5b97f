import { compareEntries, type PackedEntry } from "./entry-bytes.js";

class Cursor {
  readonly #batches: AsyncGenerator<PackedEntry[]>;
  #batch: readonly PackedEntry[] = [];
  #at = 0;

  constructor(batches: AsyncGenerator<PackedEntry[]>) {
    this.#batches = batches;
  }

  get entry(): PackedEntry | undefined {
    return this.#batch[this.#at];
  }

  /** True: the next entry is in another batch, which must be fetched. */
  get used(): boolean {
    return this.#at >= this.#batch.length;
  }

  next(): void {
    this.#at++;
  }

  async fetch(): Promise<void> {
    const { value, done } = await this.#batches.next();
    this.#batch = done === true ? [] : value;
    this.#at = 0;
  }
}

/**
 * The entries of several segments, given from the oldest to the newest, as one: sorted, each key once, as the newest has it. Deleted ones are left out where nothing
 * older can be behind them.
 */
export async function* mergeEntries(
  segments: readonly AsyncGenerator<PackedEntry[]>[],
  { keepDeleted }: { readonly keepDeleted: boolean },
): AsyncGenerator<PackedEntry> {
  let cursors = segments.map((batches) => new Cursor(batches));
  for (const cursor of cursors) await cursor.fetch();
  for (;;) {
    cursors = cursors.filter(({ entry }) => entry !== undefined);
    const newest = smallest(cursors);
    if (newest === undefined) return;
    const { entry } = newest;
    for (const cursor of cursors) {
      if (cursor.entry === undefined || (cursor !== newest && compareEntries(cursor.entry, entry) !== 0)) continue;
      cursor.next();
      if (cursor.used) await cursor.fetch();
    }
    if (entry[2] !== undefined || keepDeleted) yield entry;
  }
}

/** Whose entry comes first; of equal ones the newest. */
function smallest(cursors: readonly Cursor[]): (Cursor & { readonly entry: PackedEntry }) | undefined {
  let found: Cursor | undefined;
  for (const cursor of cursors)
    if (found === undefined || compareEntries(cursor.entry as PackedEntry, found.entry as PackedEntry) <= 0)
      found = cursor;
  return found as (Cursor & { readonly entry: PackedEntry }) | undefined;
}

/**
 * How many of the newest segments to make into one; 0: none. Sizes from the oldest to the newest. Each is merged with what is not much larger, so that an entry is written again only
 * a few times, however long a task runs, and the old content of a key is kept in at most as much space again.
 */
export function segmentsToMerge(sizes: readonly number[]): number {
  let count = 0;
  let bytes = 0;
  for (let i = sizes.length - 1; i >= 0; i--) {
    const size = sizes[i] as number;
    if (count >= 1 && size > 2 * bytes) break;
    bytes += size;
    count++;
  }
  if (count >= FEWEST) return count;
  return sizes.length > MOST ? sizes.length >> 1 : 0;
}

const FEWEST = 4;
const MOST = 16;
