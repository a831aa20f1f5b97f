import type { Key } from "../element.js";
import type { Batch, StateChange } from "../stage.js";
import { type Logged, StateLog } from "../state/state-log.js";
import type { Content } from "./content.js";
import type { PaneHost, PaneStore, Put, Timing } from "./pane-store.js";
import { entryBytes, entryKey } from "./state-entries.js";
import type { TimeSpan } from "./window.js";

/** What one key has in one pane, for the windows `from` one on. */
interface Part<A> extends Logged {
  readonly key: Key | undefined;
  readonly pane: number;
  readonly from: number;
  accumulator: A;
  added: number;
}

/** A store for accumulators of any kind: the parts of each key in the order of panes and `from`. */
export class ObjectPanes<T, A> implements PaneStore<T, A> {
  readonly #content: Content<T, A, unknown>;
  readonly #merge: (left: A, right: A) => A;
  readonly #host: PaneHost<A>;
  readonly #rows = new Map<Key | undefined, Part<A>[]>();
  readonly #log = new StateLog<Part<A>>();

  constructor(content: Content<T, A, unknown>, merge: (left: A, right: A) => A, host: PaneHost<A>) {
    this.#content = content;
    this.#merge = merge;
    this.#host = host;
  }

  putRun(batch: Batch<T>, from: number, to: number, pane: number, input: number): number {
    const host = this.#host;
    for (let i = from; i < to; i++)
      this.put(batch, i, host.timeOf(batch, i), pane, Number.NEGATIVE_INFINITY, host.keyOf(batch, i), input);
    return to;
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
    const row = this.#rows.get(key);
    const at = row === undefined ? 0 : placeOf(row, pane, from);
    let part = row?.[at];
    if (part?.pane !== pane || part.from !== from) part = undefined;
    let accumulator: A;
    try {
      accumulator = this.#content.add(
        part === undefined ? this.#content.init() : part.accumulator,
        batch,
        place,
        time,
        input,
      );
    } catch (error) {
      this.#host.fail(error, batch, place);
      return "failed";
    }
    if (part === undefined) {
      part = { key, pane, from, accumulator, added: 0, changed: false, saved: false, gone: false };
      this.#host.begin(part, row === undefined ? key : undefined, batch, place);
      if (row === undefined) this.#rows.set(key, [part]);
      else row.splice(at, 0, part);
    } else {
      part.accumulator = accumulator;
    }
    this.#host.checkLimit(accumulator, key);
    part.added++;
    if (!part.changed) this.#log.touch(part);
    return "added";
  }

  has(key: Key | undefined, window: TimeSpan): boolean {
    return this.#rows.get(key)?.some((part) => isIn(part, window)) === true;
  }

  fireAll(window: TimeSpan, timing: Timing): boolean {
    for (const [key, row] of this.#rows) {
      const combined = this.#combine(row, window);
      if (combined !== undefined) this.#host.fire(combined.held, key, window, timing, 0);
    }
    return true;
  }

  fireOne(key: Key | undefined, window: TimeSpan, timing: Timing, firing: number): void {
    const combined = this.combine(key, window);
    if (combined !== undefined) this.#host.fire(combined.held, key, window, timing, firing);
  }

  combine(key: Key | undefined, window: TimeSpan): { readonly held: A } | undefined {
    const row = this.#rows.get(key);
    return row === undefined ? undefined : this.#combine(row, window);
  }

  free(before: number): void {
    for (const [key, row] of this.#rows) {
      let over = 0;
      for (; over < row.length && (row[over] as Part<A>).pane < before; over++) this.#log.remove(row[over] as Part<A>);
      if (over === row.length) this.#rows.delete(key);
      else if (over > 0) row.splice(0, over);
    }
  }

  held(): number {
    let values = 0;
    for (const row of this.#rows.values()) for (const { added } of row) values += added;
    return values;
  }

  keysIn(window: TimeSpan): number {
    let keys = 0;
    for (const row of this.#rows.values()) if (row.some((part) => isIn(part, window))) keys++;
    return keys;
  }

  /** The keys that have something in a window, with what it is. */
  contents(window: TimeSpan): Map<Key | undefined, A> {
    const contents = new Map<Key | undefined, A>();
    for (const [key, row] of this.#rows) {
      const combined = this.#combine(row, window);
      if (combined !== undefined) contents.set(key, combined.held);
    }
    return contents;
  }

  changes(): StateChange[] {
    return this.#log.snapshot(
      ({ key, pane, from }) => entryBytes("pane", pane, from, entryKey(key)),
      ({ pane, accumulator, added }) => this.#host.encode(pane, [accumulator, added]),
    );
  }

  committed(): void {
    this.#log.committed();
  }

  load(pane: number, from: number, key: Key | undefined, accumulator: A, added: number): boolean {
    this.#insert({ key, pane, from, accumulator, added, changed: false, saved: true, gone: false });
    return true;
  }

  /** A piece of another store: `changed` since the last committed epoch, or `gone` and still to be deleted. */
  adopt(part: Omit<Part<A>, "changed">, changed: boolean): void {
    const adopted = { ...part, changed: false };
    if (!adopted.gone) this.#insert(adopted);
    if (changed) this.#log.touch(adopted);
  }

  general(): PaneStore<T, A> {
    return this;
  }

  #insert(part: Part<A>): void {
    const row = this.#rows.get(part.key);
    if (row === undefined) this.#rows.set(part.key, [part]);
    else row.splice(placeOf(row, part.pane, part.from), 0, part);
  }

  #combine(row: readonly Part<A>[], window: TimeSpan): { held: A } | undefined {
    let combined: { held: A } | undefined;
    for (const part of row) {
      if (part.pane >= window.end) break;
      if (!isIn(part, window)) continue;
      combined ??= { held: this.#content.init() };
      combined.held = this.#merge(combined.held, part.accumulator);
    }
    return combined;
  }
}

/** Whether a window may have a part. */
function isIn(part: { readonly pane: number; readonly from: number }, { start, end }: TimeSpan): boolean {
  return part.pane >= start && part.pane < end && part.from <= start;
}

/** Where a part is, or would be: values mostly come for the last ones. */
function placeOf(
  parts: readonly { readonly pane: number; readonly from: number }[],
  pane: number,
  from: number,
): number {
  let at = parts.length;
  while (at > 0) {
    const before = parts[at - 1] as { readonly pane: number; readonly from: number };
    if (before.pane < pane || (before.pane === pane && before.from < from)) break;
    at--;
  }
  return at;
}
