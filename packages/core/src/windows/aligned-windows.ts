import type { Key } from "../element.js";
import type { Batch, StageContext, StateChange } from "../stage.js";
import { TimeHeap } from "../time/time-heap.js";
import { type Alignment, lastStart, windowsOf } from "./aligned.js";
import { Cell, Frame } from "./aligned-state.js";
import { entryBytes, entryKey, entryParts, keyOfEntry } from "./state-entries.js";
import type { TimeSpan, Windowed } from "./window.js";
import type { Holding, OpenWindow, WindowSetup } from "./window-setup.js";
import { WindowStage } from "./window-stage.js";

/**
 * Tumbling windows, and sliding ones that can not share panes: an accumulator a window and key, in a map a window, which keeps the
 * windows' own order and frees one whole.
 */
export class AlignedWindows<T, A> extends WindowStage<T, A> {
  readonly #alignment: Alignment;
  readonly #frames = new Map<number, Frame<A>>();
  /** By when each frame is to be closed or freed. */
  readonly #deadlines = new TimeHeap<Frame<A>>(byStart);
  readonly #earlies = new TimeHeap<Frame<A>>(byStart);
  /** Cells of frames that were freed, to be deleted from the checkpoint. */
  #deleted: Cell<A>[] = [];
  #deletedInSnapshot: Cell<A>[] = [];
  /** The frame of the last value: values that follow each other are mostly of one window. */
  #last: Frame<A> | undefined;

  constructor(setup: WindowSetup<T, A>, alignment: Alignment, context: StageContext) {
    super(setup, context);
    this.#alignment = alignment;
  }

  protected addBatch(batch: Batch<T>, input: number): void {
    if (this.#alignment.sizeMs > this.#alignment.slideMs) this.#addToMany(batch, input);
    else this.#addToOne(batch, input);
  }

  protected get nextDeadline(): number {
    return this.#deadlines.nextTime;
  }

  protected advance(to: number): void {
    this.watermark = to;
    for (;;) {
      const end = this.#deadlines.nextTime;
      const early = this.#earlies.nextTime;
      if (Math.min(early, end) > to || (early === end && end === Number.POSITIVE_INFINITY)) break;
      if (early < end) this.#fireFresh(this.#earlies.pop() as Frame<A>, early, to);
      else this.#close(this.#deadlines.pop() as Frame<A>);
    }
  }

  protected fireEarly(holding: Holding<A>): void {
    this.#fire(holding as Cell<A>, "early");
    this.#touch(holding as Cell<A>);
  }

  protected awaitEarlyEvent(holding: Holding<A>): void {
    if (holding.added === 1) this.#freshen(holding as Cell<A>);
  }

  /** The cell fires at its frame's next early time, the first one ahead of the watermark. */
  #freshen(cell: Cell<A>): void {
    const { frame } = cell;
    const { early } = this.setup.plan;
    if (early?.by !== "event") return;
    frame.fresh.push(cell);
    if (!Number.isNaN(frame.earlyAt)) return;
    const passed = this.watermark < frame.start ? 0 : Math.floor((this.watermark - frame.start) / early.everyMs);
    frame.earlyAt = frame.start + (passed + 1) * early.everyMs;
    if (frame.earlyAt < frame.end) this.#earlies.push(frame.earlyAt, frame);
  }

  protected fireAll(): void {
    for (const frame of this.#frames.values())
      if (!frame.closed)
        for (const cell of frame.cells.values())
          if (cell.added > 0 || !this.setup.plan.discarding) this.#fire(cell, "early");
  }

  protected changes(): StateChange[] {
    this.#deletedInSnapshot = this.#deletedInSnapshot.concat(this.#deleted);
    this.#deleted = [];
    const changes = this.#deletedInSnapshot.map(({ frame, key }): StateChange => [nameOf(frame, key), undefined]);
    for (const frame of this.#frames.values()) {
      // An epoch that was given up goes into the next one.
      frame.inSnapshot =
        frame.inSnapshot.length === 0 ? frame.changed : [...new Set([...frame.inSnapshot, ...frame.changed])];
      frame.changed = [];
      for (const cell of frame.inSnapshot) {
        const { key, accumulator, added, firing, dueAt } = cell;
        changes.push([
          nameOf(frame, key),
          this.encodePiece(frame.end - 1, [accumulator, added, firing, dueAt ?? null]),
        ]);
        cell.changed = false;
        cell.saved = true;
      }
    }
    return changes;
  }

  protected forgetChanges(): void {
    this.#deletedInSnapshot = [];
    for (const frame of this.#frames.values()) frame.inSnapshot = [];
  }

  protected load(entry: string, state: unknown): void {
    const [start, key] = entryParts(entry, 1) as [string, string];
    const [accumulator, added, firing, dueAt] = state as [A, number, number, number | null];
    const frame = this.#frames.get(Number(start)) ?? this.#open(Number(start));
    const cell = new Cell(frame, keyOfEntry(key), accumulator);
    Object.assign(cell, { added, firing, dueAt: dueAt ?? undefined, saved: true });
    frame.cells.set(cell.key, cell);
    this.resumeEarly(cell);
    if (added > 0 && !frame.closed) this.#freshen(cell);
  }

  held(): number {
    let values = 0;
    for (const { cells } of this.#frames.values()) for (const { added } of cells.values()) values += added;
    return values;
  }

  protected openOf(key: Key | undefined): OpenWindow[] {
    const open: OpenWindow[] = [];
    for (const { start, end, cells } of this.#frames.values()) {
      const cell = cells.get(key);
      if (cell !== undefined)
        open.push({ window: { start, end }, value: this.setup.content.result(cell.accumulator, key, start, end) });
    }
    return open.sort((left, right) => left.window.start - right.window.start);
  }

  protected nextOpen(): { window: TimeSpan; keys: number } | undefined {
    let next: Frame<A> | undefined;
    for (const frame of this.#frames.values())
      if (!frame.closed && (next === undefined || frame.start < next.start)) next = frame;
    return next === undefined ? undefined : { window: { start: next.start, end: next.end }, keys: next.cells.size };
  }

  /** Each value is in one window, or with gaps between windows in none. */
  #addToOne(batch: Batch<T>, input: number): void {
    const { values, keys } = batch;
    const times = this.timesOf(batch);
    const marks = this.marksOf(batch);
    const { keyed } = this.setup;
    let frame = this.#last;
    for (let i = 0; i < values.length; i++) {
      const time = times === null ? this.now : (times[i] as number);
      const behind = this.judgedBy(marks, i);
      if (frame === undefined || time < frame.start || time >= frame.end) frame = this.#frameOf(time, behind);
      if (frame === undefined || behind >= frame.lastCall) this.#reject(batch, i, time, behind);
      else this.#add(frame, keyed ? (keys as readonly Key[])[i] : undefined, batch, i, time, input);
    }
    this.#last = frame?.freed === true ? undefined : frame;
  }

  #addToMany(batch: Batch<T>, input: number): void {
    const { values, keys } = batch;
    const times = this.timesOf(batch);
    const marks = this.marksOf(batch);
    for (let i = 0; i < values.length; i++) {
      const time = times === null ? this.now : (times[i] as number);
      const behind = this.judgedBy(marks, i);
      const key = this.setup.keyed ? (keys as readonly Key[])[i] : undefined;
      const windows = windowsOf(time, this.#alignment);
      const open = windows.filter(({ end }) => end - 1 + this.setup.plan.latenessMs > behind);
      if (open.length === 0) this.late.add(batch, i, time, behind, windows);
      else if (open.length < windows.length) this.context.counters.latePartial++;
      for (const { start } of open) {
        const frame = this.#frames.get(start) ?? this.#open(start);
        if (!this.#add(frame, key, batch, i, time, input)) break;
      }
    }
  }

  /** The frame a time is in; undefined where no value judged by this watermark can be in it any more, or where windows leave a gap. */
  #frameOf(time: number, behind: number): Frame<A> | undefined {
    const start = lastStart(time, this.#alignment);
    const end = start + this.#alignment.sizeMs;
    if (time >= end || behind >= end - 1 + this.setup.plan.latenessMs) return undefined;
    return this.#frames.get(start) ?? this.#open(start);
  }

  #open(start: number): Frame<A> {
    const { final, latenessMs } = this.setup.plan;
    const end = start + this.#alignment.sizeMs;
    const frame = new Frame<A>(start, end, latenessMs, !final && this.watermark >= end - 1);
    this.#frames.set(start, frame);
    this.#deadlines.push(final || frame.closed ? frame.lastCall : end - 1, frame);
    return frame;
  }

  /** False: the user's function failed, and nothing changed. */
  #add(frame: Frame<A>, key: Key | undefined, batch: Batch<T>, place: number, time: number, input: number): boolean {
    const { content, plan } = this.setup;
    let cell = frame.cells.get(key);
    let accumulator: A;
    try {
      accumulator = content.add(cell === undefined ? content.init() : cell.accumulator, batch, place, time, input);
    } catch (error) {
      this.context.fail(error, batch, place);
      return false;
    }
    if (cell === undefined) {
      cell = new Cell(frame, key, accumulator);
      this.begin(cell, key, batch, place);
      frame.cells.set(key, cell);
    } else {
      cell.accumulator = accumulator;
    }
    this.checkLimit(accumulator, key);
    cell.added++;
    if (!cell.changed) this.#touch(cell);
    if (frame.closed) this.#fire(cell, "late");
    else if (plan.early !== undefined) this.awaitEarly(cell);
    return true;
  }

  /** A value in no open window: too late, or in a gap between windows, where it passes if it came in time. */
  #reject(batch: Batch<T>, place: number, time: number, behind: number): void {
    const windows = windowsOf(time, this.#alignment);
    if (windows.length > 0 || time + this.setup.plan.latenessMs <= behind)
      this.late.add(batch, place, time, behind, windows);
  }

  /** A frame's deadline came: it fires, and is freed once no value can be in time for it. */
  #close(frame: Frame<A>): void {
    if (!frame.closed) {
      frame.closed = true;
      this.#fireFrame(frame);
      if (frame.lastCall > this.watermark) {
        this.#deadlines.push(frame.lastCall, frame);
        return;
      }
    }
    this.#free(frame);
  }

  #fireFrame(frame: Frame<A>): void {
    const stays = frame.lastCall > this.watermark;
    const { discarding } = this.setup.plan;
    for (const cell of frame.cells.values()) {
      if (discarding && cell.added === 0) continue;
      this.#fire(cell, "onTime");
      if (stays) this.#touch(cell);
    }
    frame.fresh = [];
    frame.earlyAt = Number.NaN;
  }

  #free(frame: Frame<A>): void {
    frame.freed = true;
    for (const cell of frame.cells.values()) if (cell.saved) this.#deleted.push(cell);
    this.#frames.delete(frame.start);
    if (this.#last === frame) this.#last = undefined;
  }

  #fire(cell: Cell<A>, timing: Windowed<unknown, unknown>["timing"]): void {
    this.fire(cell.accumulator, cell.key, cell.frame, timing, cell.firing);
    cell.firing++;
    cell.added = 0;
    if (cell.dueAt !== undefined) cell.dueAt = undefined;
    if (this.setup.plan.discarding) cell.accumulator = this.setup.content.init();
  }

  #touch(cell: Cell<A>): void {
    if (cell.changed) return;
    cell.changed = true;
    cell.frame.changed.push(cell);
  }

  /** Fires what changed since the last early firing, unless the same watermark closes the window anyway. */
  #fireFresh(frame: Frame<A>, at: number, to: number): void {
    if (frame.closed || frame.earlyAt !== at || to >= frame.end - 1) return;
    const { fresh } = frame;
    frame.fresh = [];
    frame.earlyAt = Number.NaN;
    for (const cell of fresh) if (cell.added > 0) this.fireEarly(cell);
  }
}

function nameOf({ start }: { readonly start: number }, key: Key | undefined): Uint8Array {
  return entryBytes(start, entryKey(key));
}

function byStart(left: { readonly start: number }, right: { readonly start: number }): number {
  return left.start - right.start;
}
