/** Rows with content are listed one by one while they are fewer than this share of all ids; above it each id has its place. */
export const SPARSE_SHARE = 8;
const MIN_DENSE = 64;

export const CHANGED = 1;
export const SAVED = 2;

/**
 * The rows of one pane by the small number (id) of a key: a row of doubles, whose first is how many values it holds, and flags. In a pane
 * of few keys among many the rows lie in the order they began; in a full one each id has its place.
 */
export class PaneBlock {
  readonly pane: number;
  rows: Float64Array;
  flags: Uint8Array;
  /** Ids changed since the last snapshot, and those in a snapshot that is not committed. */
  changed: number[] = [];
  inSnapshot: number[] = [];
  readonly #width: number;
  /** Where an id is, and which id is where; undefined: at its own number. */
  #slots: Map<number, number> | undefined = new Map();
  #ids: number[] = [];

  /** `room` above zero: each of so many ids has its place from the beginning. */
  constructor(pane: number, width: number, room: number) {
    this.pane = pane;
    this.#width = width;
    if (room > 0) this.#slots = undefined;
    const slots = Math.max(room, 16);
    this.rows = new Float64Array(slots * width);
    this.flags = new Uint8Array(slots);
  }

  /** Each id has its place. */
  get dense(): boolean {
    return this.#slots === undefined;
  }

  /** The slot of an id; -1: it has none. */
  slotOf(id: number): number {
    if (this.#slots === undefined) return id < this.flags.length ? id : -1;
    return this.#slots.get(id) ?? -1;
  }

  /** A slot for an id that has none. `ids`: how many there are. */
  reserve(id: number, ids: number): number {
    if (this.#slots !== undefined && this.#ids.length >= MIN_DENSE && this.#ids.length * SPARSE_SHARE > ids)
      this.#spread(ids);
    if (this.#slots === undefined) {
      this.#grow(id + 1);
      return id;
    }
    const slot = this.#ids.length;
    this.#ids.push(id);
    this.#slots.set(id, slot);
    this.#grow(slot + 1);
    return slot;
  }

  /** The ids of the slots, undefined where each is at its own number; and how many slots there are. */
  get ids(): readonly number[] | undefined {
    return this.#slots === undefined ? undefined : this.#ids;
  }

  get size(): number {
    return this.#slots === undefined ? this.flags.length : this.#ids.length;
  }

  /** Calls `visit` for each id that has values. */
  each(visit: (id: number, slot: number) => void): void {
    const { ids, size } = this;
    for (let slot = 0; slot < size; slot++)
      if ((this.rows[slot * this.#width] as number) > 0) visit(ids === undefined ? slot : (ids[slot] as number), slot);
  }

  #spread(ids: number): void {
    const { rows, flags } = this;
    const width = this.#width;
    this.rows = new Float64Array(ids * width);
    this.flags = new Uint8Array(ids);
    for (const [slot, id] of this.#ids.entries()) {
      this.rows.set(rows.subarray(slot * width, (slot + 1) * width), id * width);
      this.flags[id] = flags[slot] as number;
    }
    this.#slots = undefined;
    this.#ids = [];
  }

  #grow(slots: number): void {
    if (slots <= this.flags.length) return;
    const room = Math.max(slots, 2 * this.flags.length);
    const rows = new Float64Array(room * this.#width);
    const flags = new Uint8Array(room);
    rows.set(this.rows);
    flags.set(this.flags);
    this.rows = rows;
    this.flags = flags;
  }
}
