import type { Key } from "../element.js";
import type { Batch, StateChange } from "../stage.js";
import type { Content } from "./content.js";
import { KeyIds } from "./key-ids.js";
import type { NumericContent } from "./numeric-parts.js";
import { ObjectPanes } from "./object-panes.js";
import { CHANGED, PaneBlock, SAVED, SPARSE_SHARE } from "./pane-block.js";
import type { PaneHost, PaneStore, Put, Timing } from "./pane-store.js";
import { entryBytes, entryKey } from "./state-entries.js";
import type { TimeSpan } from "./window.js";

/** The key of a row that is to be deleted from the checkpoint. */
interface Deleted {
  readonly pane: number;
  readonly key: Key | undefined;
}

/**
 * A store for numbers: keys have small ids, and a pane is a block of rows by id. A window of many keys and panes is put together block by
 * block, which is several times as fast as by objects. Values that are late for some of the windows over their pane are few, and kept
 * as objects beside.
 */
export class ColumnPanes<T, A> implements PaneStore<T, A> {
  readonly #numbers: NumericContent<T>;
  readonly #content: Content<T, A, unknown>;
  readonly #merge: (left: A, right: A) => A;
  readonly #host: PaneHost<A>;
  readonly #keyed: boolean;
  readonly #width: number;
  readonly #ids = new KeyIds();
  /** The last pane that was freed had rows of many ids. */
  #dense = false;
  /** In the order of their panes. */
  readonly #blocks: PaneBlock[] = [];
  #deleted: Deleted[] = [];
  #deletedInSnapshot: Deleted[] = [];
  #partial: ObjectPanes<T, A> | undefined;
  #totals = new Float64Array(0);

  constructor(
    numbers: NumericContent<T>,
    content: Content<T, A, unknown>,
    merge: (left: A, right: A) => A,
    keyed: boolean,
    host: PaneHost<A>,
  ) {
    this.#keyed = keyed;
    this.#numbers = numbers;
    this.#content = content;
    this.#merge = merge;
    this.#host = host;
    this.#width = numbers.width;
  }

  put(
    batch: Batch<T>,
    place: number,
    time: number,
    pane: number,
    from: number,
    key: Key | undefined,
    input: number,
  ): Put {
    if (from !== Number.NEGATIVE_INFINITY) return this.#parts().put(batch, place, time, pane, from, key, input);
    return this.#put(this.#blockOf(pane), batch, place, key);
  }

  putRun(batch: Batch<T>, from: number, to: number, pane: number): number {
    const block = this.#blockOf(pane);
    const keys = this.#keyed ? batch.keys : null;
    for (let i = from; i < to; i++)
      if (this.#put(block, batch, i, keys === null ? undefined : (keys[i] as Key)) === "unfit") return i;
    return to;
  }

  #put(block: PaneBlock, batch: Batch<T>, place: number, key: Key | undefined): Put {
    const known = this.#ids.idOf(key);
    const id = known ?? this.#ids.add(key);
    let slot = block.slotOf(id);
    if (slot < 0) slot = block.reserve(id, this.#ids.size);
    const at = slot * this.#width;
    const fresh = block.rows[at] === 0;
    let fits: boolean;
    try {
      fits = this.#numbers.add(block.rows, at, batch, place);
    } catch (error) {
      if (known === undefined) this.#ids.release(id);
      this.#host.fail(error, batch, place);
      return "failed";
    }
    if (!fits) return "unfit";
    if (known === undefined) this.#host.begin(undefined, key, batch, place);
    if (fresh) this.#ids.use(id);
    const flags = block.flags[slot] as number;
    if ((flags & CHANGED) === 0) {
      block.flags[slot] = flags | CHANGED;
      block.changed.push(id);
    }
    return "added";
  }

  has(key: Key | undefined, window: TimeSpan): boolean {
    const id = this.#ids.idOf(key);
    if (id !== undefined && this.#within(window).some((block) => this.#holds(block, id))) return true;
    return this.#partial?.has(key, window) === true;
  }

  fireAll(window: TimeSpan, timing: Timing): boolean {
    const blocks = this.#within(window);
    const extras = this.#partial?.contents(window);
    const only = blocks.length === 1 ? (blocks[0] as PaneBlock) : undefined;
    const rows = only === undefined ? this.#addUp(blocks) : only.rows;
    if (rows === undefined) return false;
    const { results } = this.#host;
    const fireRow = (id: number, slot: number): void => {
      const key = this.#ids.keyOf(id);
      if (extras?.has(key) === true) return;
      results.push(key, this.#numbers.result(rows, slot * this.#width), timing, 0);
    };
    results.of(window, window.end - 1);
    if (only !== undefined) only.each(fireRow);
    else for (let id = 0; id < this.#ids.size; id++) if ((rows[id * this.#width] as number) > 0) fireRow(id, id);
    for (const key of extras?.keys() ?? []) this.fireOne(key, window, timing, 0);
    return true;
  }

  fireOne(key: Key | undefined, window: TimeSpan, timing: Timing, firing: number): void {
    const combined = this.combine(key, window);
    if (combined !== undefined) this.#host.fire(combined.held, key, window, timing, firing);
  }

  combine(key: Key | undefined, window: TimeSpan): { readonly held: A } | undefined {
    const id = this.#ids.idOf(key);
    let combined: { held: A } | undefined;
    const add = (accumulator: A): void => {
      combined = { held: this.#merge(combined === undefined ? this.#content.init() : combined.held, accumulator) };
    };
    if (id !== undefined)
      for (const block of this.#within(window))
        if (this.#holds(block, id)) add(this.#numbers.unpack(block.rows, block.slotOf(id) * this.#width) as A);
    const partial = this.#partial?.combine(key, window);
    if (partial !== undefined) add(partial.held);
    return combined;
  }

  free(before: number): void {
    while (this.#blocks.length > 0 && (this.#blocks[0] as PaneBlock).pane < before)
      this.#freeBlock(this.#blocks.shift() as PaneBlock);
    this.#partial?.free(before);
  }

  held(): number {
    let values = this.#partial?.held() ?? 0;
    for (const block of this.#blocks)
      block.each((_, slot) => {
        values += block.rows[slot * this.#width] as number;
      });
    return values;
  }

  keysIn(window: TimeSpan): number {
    const ids = new Set<number>();
    for (const block of this.#within(window)) block.each((id) => ids.add(id));
    let keys = ids.size;
    for (const key of this.#partial?.contents(window).keys() ?? []) {
      const id = this.#ids.idOf(key);
      if (id === undefined || !ids.has(id)) keys++;
    }
    return keys;
  }

  changes(): StateChange[] {
    const changes: StateChange[] = [];
    for (const { pane, key } of this.#deletedInSnapshot.concat(this.#deleted))
      changes.push([nameOf(pane, key), undefined]);
    this.#deletedInSnapshot.push(...this.#deleted);
    this.#deleted = [];
    for (const block of this.#blocks) {
      // An epoch that was given up goes into the next one.
      const ids = block.inSnapshot.length === 0 ? block.changed : [...new Set([...block.inSnapshot, ...block.changed])];
      for (const id of ids) {
        const slot = block.slotOf(id);
        const at = slot * this.#width;
        block.flags[slot] = SAVED;
        changes.push([
          nameOf(block.pane, this.#ids.keyOf(id)),
          this.#host.encode(block.pane, [this.#numbers.unpack(block.rows, at), block.rows[at]]),
        ]);
      }
      block.inSnapshot = ids;
      block.changed = [];
    }
    return this.#partial === undefined ? changes : [...changes, ...this.#partial.changes()];
  }

  committed(): void {
    this.#deletedInSnapshot = [];
    for (const block of this.#blocks) block.inSnapshot = [];
    this.#partial?.committed();
  }

  load(pane: number, from: number, key: Key | undefined, accumulator: A, added: number): boolean {
    if (from !== Number.NEGATIVE_INFINITY) return this.#parts().load(pane, from, key, accumulator, added);
    const block = this.#blockOf(pane);
    const id = this.#ids.idOf(key) ?? this.#ids.add(key);
    const slot = block.reserve(id, this.#ids.size);
    if (!this.#numbers.pack(accumulator, added, block.rows, slot * this.#width)) {
      block.rows[slot * this.#width] = 0;
      return false;
    }
    block.flags[slot] = SAVED;
    this.#ids.use(id);
    return true;
  }

  general(): PaneStore<T, A> {
    const store = this.#parts();
    const from = Number.NEGATIVE_INFINITY;
    for (const { pane, key } of [...this.#deletedInSnapshot, ...this.#deleted])
      store.adopt({ key, pane, from, accumulator: this.#content.init(), added: 0, saved: true, gone: true }, true);
    for (const block of this.#blocks) {
      const uncommitted = new Set([...block.inSnapshot, ...block.changed]);
      block.each((id, slot) => {
        const at = slot * this.#width;
        const accumulator = this.#numbers.unpack(block.rows, at) as A;
        const saved = ((block.flags[slot] as number) & SAVED) !== 0;
        const part = {
          key: this.#ids.keyOf(id),
          pane: block.pane,
          from,
          accumulator,
          added: block.rows[at] as number,
          saved,
          gone: false,
        };
        store.adopt(part, uncommitted.has(id));
      });
    }
    return store;
  }

  #parts(): ObjectPanes<T, A> {
    this.#partial ??= new ObjectPanes(this.#content, this.#merge, this.#host);
    return this.#partial;
  }

  /** The rows of several blocks together, by id; undefined: the numbers do not fit. */
  #addUp(blocks: readonly PaneBlock[]): Float64Array | undefined {
    const width = this.#width;
    const needed = this.#ids.size * width;
    if (this.#totals.length < needed) this.#totals = new Float64Array(2 * needed);
    const totals = this.#totals.fill(0);
    return blocks.every(({ rows, size, ids }) => this.#numbers.addUp(totals, rows, size, ids)) ? totals : undefined;
  }

  #holds(block: PaneBlock, id: number): boolean {
    const slot = block.slotOf(id);
    return slot >= 0 && (block.rows[slot * this.#width] as number) > 0;
  }

  #within({ start, end }: TimeSpan): PaneBlock[] {
    return this.#blocks.filter(({ pane }) => pane >= start && pane < end);
  }

  #blockOf(pane: number): PaneBlock {
    let at = this.#blocks.length;
    while (at > 0) {
      const block = this.#blocks[at - 1] as PaneBlock;
      if (block.pane === pane) return block;
      if (block.pane < pane) break;
      at--;
    }
    const block = new PaneBlock(pane, this.#width, this.#dense ? this.#ids.size : 0);
    this.#blocks.splice(at, 0, block);
    return block;
  }

  #freeBlock(block: PaneBlock): void {
    let rows = 0;
    block.each((id, slot) => {
      rows++;
      if (((block.flags[slot] as number) & SAVED) !== 0)
        this.#deleted.push({ pane: block.pane, key: this.#ids.keyOf(id) });
      this.#ids.leave(id);
    });
    this.#dense = block.dense && rows * SPARSE_SHARE > this.#ids.size;
    this.#ids.sweep(rows);
  }
}

function nameOf(pane: number, key: Key | undefined): Uint8Array {
  return entryBytes("pane", pane, Number.NEGATIVE_INFINITY, entryKey(key));
}
