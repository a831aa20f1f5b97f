import type { Key } from "../element.js";
import type { Batch, StageContext, StateChange } from "../stage.js";
import { StateLog } from "../state/state-log.js";
import { TimeHeap } from "../time/time-heap.js";
import { type Alignment, lastStart, paneStart } from "./aligned.js";
import { type Again, type Frame, isIn, type Part, placeOf, type Row } from "./pane-state.js";
import { entryBytes, entryKey, entryParts, keyOfEntry } from "./state-entries.js";
import type { TimeSpan } from "./window.js";
import type { OpenWindow, WindowSetup } from "./window-setup.js";
import { WindowStage } from "./window-stage.js";

/**
 * Sliding windows over panes: a value is added once, to its key's part of the pane it is in, and a window that fires puts the parts of its
 * panes together. So a value costs the same however many windows it is in.
 */
export class PaneWindows<T, A> extends WindowStage<T, A> {
  readonly #alignment: Alignment;
  readonly #merge: (left: A, right: A) => A;
  readonly #rows = new Map<Key | undefined, Row<A>>();
  readonly #frames = new Map<number, Frame>();
  readonly #deadlines = new TimeHeap<Frame>((left, right) => left.start - right.start);
  readonly #parts = new StateLog<Part<A>>();
  readonly #again = new StateLog<Again>();
  /** Panes whose windows are open: the first and last of them, by the pane's start. */
  readonly #panes = new Map<number, { readonly first: number; readonly last: number }>();

  constructor(setup: WindowSetup<T, A>, alignment: Alignment, merge: (left: A, right: A) => A, context: StageContext) {
    super(setup, context);
    this.#alignment = alignment;
    this.#merge = merge;
  }

  protected addBatch(batch: Batch<T>, input: number): void {
    const { values, keys } = batch;
    const times = this.timesOf(batch);
    const marks = this.marksOf(batch);
    const { keyed } = this.setup;
    for (let i = 0; i < values.length; i++) {
      const time = times === null ? this.now : (times[i] as number);
      const behind = this.judgedBy(marks, i);
      this.#addOne(batch, i, time, behind, keyed ? (keys as readonly Key[])[i] : undefined, input);
    }
  }

  protected get nextDeadline(): number {
    return this.#deadlines.nextTime;
  }

  protected advance(to: number): void {
    this.watermark = to;
    while (this.#deadlines.size > 0 && this.#deadlines.nextTime <= to) {
      const frame = this.#deadlines.pop() as Frame;
      if (!frame.closed) {
        frame.closed = true;
        this.#fireFrame(frame, "onTime");
        if (frame.lastCall > to) {
          this.#deadlines.push(frame.lastCall, frame);
          continue;
        }
      }
      this.#free(frame);
    }
  }

  /** Windows that fire early do not share panes. */
  protected fireEarly(): void {}
  protected awaitEarlyEvent(): void {}

  protected fireAll(): void {
    const open = [...this.#frames.values()].filter(({ closed }) => !closed);
    for (const frame of open.sort((left, right) => left.start - right.start)) this.#fireFrame(frame, "early");
  }

  protected changes(): StateChange[] {
    const parts = this.#parts.snapshot(
      ({ row, pane, from }) => entryBytes("pane", pane, from, entryKey(row.key)),
      ({ pane, accumulator, added }) => this.encodePiece(pane, [accumulator, added]),
    );
    const again = this.#again.snapshot(
      ({ frame, key }) => entryBytes("again", frame.start, entryKey(key)),
      ({ frame, firing }) => this.encodePiece(frame.end - 1, firing),
    );
    return [...parts, ...again];
  }

  protected forgetChanges(): void {
    this.#parts.committed();
    this.#again.committed();
  }

  protected load(entry: string, state: unknown): void {
    const [kind, rest] = entryParts(entry, 1) as [string, string];
    if (kind === "pane") this.#loadPart(rest, state as [A, number]);
    else this.#loadAgain(rest, state as number);
  }

  held(): number {
    let values = 0;
    for (const { parts } of this.#rows.values()) for (const { added } of parts) values += added;
    return values;
  }

  protected openOf(key: Key | undefined): OpenWindow[] {
    const row = this.#rows.get(key);
    const open: OpenWindow[] = [];
    if (row === undefined) return open;
    for (const { start, end } of this.#frames.values()) {
      const accumulator = this.#combine(row, start, end);
      if (accumulator !== undefined)
        open.push({ window: { start, end }, value: this.setup.content.result(accumulator.held, key, start, end) });
    }
    return open.sort((left, right) => left.window.start - right.window.start);
  }

  protected nextOpen(): { window: TimeSpan; keys: number } | undefined {
    let next: Frame | undefined;
    for (const frame of this.#frames.values())
      if (!frame.closed && (next === undefined || frame.start < next.start)) next = frame;
    if (next === undefined) return undefined;
    const { start, end } = next;
    let keys = 0;
    for (const { parts } of this.#rows.values()) if (parts.some((part) => isIn(part, start, end))) keys++;
    return { window: { start, end }, keys };
  }

  #addOne(batch: Batch<T>, place: number, time: number, behind: number, key: Key | undefined, input: number): void {
    const { sizeMs, slideMs } = this.#alignment;
    const { latenessMs, final } = this.setup.plan;
    const pane = paneStart(time, this.#alignment);
    const { first, last } = this.#panes.get(pane) ?? this.#spanOf(pane);
    // The first window over the pane that the value is in time for.
    let from = first;
    while (from <= last && behind >= from + sizeMs - 1 + latenessMs) from += slideMs;
    if (from > last) {
      this.late.add(batch, place, time, behind, this.#windowsFrom(first, last));
      return;
    }
    if (!this.#panes.has(pane)) this.#openPane(pane, first, last);
    const again = !final && this.watermark >= from + sizeMs - 1 ? this.#closedFrom(from, last, key) : undefined;
    if (!this.#put(batch, place, time, pane, from === first ? Number.NEGATIVE_INFINITY : from, key, input)) return;
    if (from > first) this.context.counters.latePartial++;
    if (again !== undefined) for (const { frame, had } of again) this.#fireLate(frame, key, had);
  }

  /** Adds the value to its part. False: the user's function failed, and nothing changed. */
  #put(
    batch: Batch<T>,
    place: number,
    time: number,
    pane: number,
    from: number,
    key: Key | undefined,
    input: number,
  ): boolean {
    const { content } = this.setup;
    const row = this.#rows.get(key);
    const at = row === undefined ? 0 : placeOf(row.parts, pane, from);
    let part = row?.parts[at];
    if (part?.pane !== pane || part.from !== from) part = undefined;
    let accumulator: A;
    try {
      accumulator = content.add(part === undefined ? content.init() : part.accumulator, batch, place, time, input);
    } catch (error) {
      this.context.fail(error, batch, place);
      return false;
    }
    if (part === undefined) {
      const owner = row ?? { key, parts: [] };
      part = { row: owner, pane, from, accumulator, added: 0, changed: false, saved: false, gone: false };
      this.begin(part, row === undefined ? key : undefined, batch, place);
      owner.parts.splice(at, 0, part);
      if (row === undefined) this.#rows.set(key, owner);
    } else {
      part.accumulator = accumulator;
    }
    this.checkLimit(accumulator, key);
    part.added++;
    if (!part.changed) this.#parts.touch(part);
    return true;
  }

  #spanOf(pane: number): { first: number; last: number } {
    const { sizeMs, slideMs } = this.#alignment;
    const last = lastStart(pane, this.#alignment);
    return { first: last - Math.ceil((sizeMs - (pane - last)) / slideMs - 1) * slideMs, last };
  }

  #windowsFrom(first: number, last: number): TimeSpan[] {
    const spans: TimeSpan[] = [];
    for (let start = first; start <= last; start += this.#alignment.slideMs)
      spans.push({ start, end: start + this.#alignment.sizeMs });
    return spans;
  }

  /** A pane gets its first value: the windows over it that are not freed yet are open from now on. */
  #openPane(pane: number, first: number, last: number): void {
    this.#panes.set(pane, { first, last });
    for (let start = first; start <= last; start += this.#alignment.slideMs)
      this.#frames.get(start) ?? this.#openFrame(start);
  }

  #openFrame(start: number): Frame | undefined {
    const { final, latenessMs } = this.setup.plan;
    const end = start + this.#alignment.sizeMs;
    const lastCall = end - 1 + latenessMs;
    if (this.watermark >= lastCall) return undefined;
    const frame: Frame = { start, end, lastCall, closed: !final && this.watermark >= end - 1, again: new Map() };
    this.#frames.set(start, frame);
    this.#deadlines.push(final || frame.closed ? lastCall : end - 1, frame);
    return frame;
  }

  #fireFrame(frame: Frame, timing: "onTime" | "early"): void {
    const { start, end } = frame;
    for (const row of this.#rows.values()) {
      const combined = this.#combine(row, start, end);
      if (combined !== undefined) this.fire(combined.held, row.key, frame, timing, 0);
    }
  }

  /** The content of a window; undefined: the key has none. In a box, since an accumulator may be undefined itself. */
  #combine(row: Row<A>, start: number, end: number): { held: A } | undefined {
    let combined: { held: A } | undefined;
    for (const part of row.parts) {
      if (part.pane >= end) break;
      if (!isIn(part, start, end)) continue;
      combined ??= { held: this.setup.content.init() };
      combined.held = this.#merge(combined.held, part.accumulator);
    }
    return combined;
  }

  /** The windows a late but allowed value fires again, and whether the key had something in them before it. */
  #closedFrom(from: number, last: number, key: Key | undefined): { readonly frame: Frame; readonly had: boolean }[] {
    const closed: { readonly frame: Frame; readonly had: boolean }[] = [];
    const parts = this.#rows.get(key)?.parts ?? [];
    for (let start = from; start <= last; start += this.#alignment.slideMs) {
      const frame = this.#frames.get(start);
      if (frame?.closed === true) closed.push({ frame, had: parts.some((part) => isIn(part, start, frame.end)) });
    }
    return closed;
  }

  #fireLate(frame: Frame, key: Key | undefined, had: boolean): void {
    const combined = this.#combine(this.#rows.get(key) as Row<A>, frame.start, frame.end);
    let again = frame.again.get(key);
    if (again === undefined) {
      again = { frame, key, firing: had ? 1 : 0, changed: false, saved: false, gone: false };
      frame.again.set(key, again);
    }
    this.fire((combined as { held: A }).held, key, frame, "late", again.firing);
    again.firing++;
    this.#again.touch(again);
  }

  /** Frees the panes over which this was the last window. */
  #free(frame: Frame): void {
    const before = frame.start + this.#alignment.slideMs;
    this.#frames.delete(frame.start);
    for (const again of frame.again.values()) this.#again.remove(again);
    for (const pane of this.#panes.keys()) if (pane < before) this.#panes.delete(pane);
    for (const { key, parts } of this.#rows.values()) {
      let over = 0;
      for (; over < parts.length && (parts[over] as Part<A>).pane < before; over++)
        this.#parts.remove(parts[over] as Part<A>);
      if (over === parts.length) this.#rows.delete(key);
      else if (over > 0) parts.splice(0, over);
    }
  }

  #loadPart(entry: string, [accumulator, added]: [A, number]): void {
    const [pane, from, text] = entryParts(entry, 2) as [string, string, string];
    const key = keyOfEntry(text);
    const row: Row<A> = this.#rows.get(key) ?? { key, parts: [] };
    this.#rows.set(key, row);
    const part = {
      row,
      pane: Number(pane),
      from: Number(from),
      accumulator,
      added,
      changed: false,
      saved: true,
      gone: false,
    };
    row.parts.splice(placeOf(row.parts, part.pane, part.from), 0, part);
    const { first, last } = this.#spanOf(part.pane);
    if (!this.#panes.has(part.pane)) this.#openPane(part.pane, first, last);
  }

  #loadAgain(entry: string, firing: number): void {
    const [start, text] = entryParts(entry, 1) as [string, string];
    const frame = this.#frames.get(Number(start)) ?? this.#openFrame(Number(start));
    const key = keyOfEntry(text);
    frame?.again.set(key, { frame, key, firing, changed: false, saved: true, gone: false });
  }
}
