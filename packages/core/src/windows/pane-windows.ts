import type { Key } from "../element.js";
import type { Batch, StageContext, StateChange } from "../stage.js";
import { type Logged, StateLog } from "../state/state-log.js";
import { TimeHeap } from "../time/time-heap.js";
import { type Alignment, lastStart, paneOf } from "./aligned.js";
import { ColumnPanes } from "./column-panes.js";
import { ObjectPanes } from "./object-panes.js";
import type { PaneHost, PaneStore } from "./pane-store.js";
import { entryBytes, entryKey, entryParts, keyOfEntry } from "./state-entries.js";
import type { TimeSpan } from "./window.js";
import type { OpenWindow, WindowSetup } from "./window-setup.js";
import { WindowStage } from "./window-stage.js";

/** A window over panes. */
interface Frame extends TimeSpan {
  readonly lastCall: number;
  closed: boolean;
  /** Firings of keys that had late values; any other key with content in a closed window has fired once. */
  readonly again: Map<Key | undefined, Again>;
}

interface Again extends Logged {
  readonly frame: Frame;
  readonly key: Key | undefined;
  firing: number;
}

/** A pane in use, and the first and last window over it. */
interface Pane extends TimeSpan {
  readonly first: number;
  readonly last: number;
}

/**
 * Windows over panes: a value is added once, to its key's part of the pane it is in, and a window that fires puts the parts of its panes
 * together. So a value costs the same however many windows it is in. A tumbling window is one pane.
 */
export class PaneWindows<T, A> extends WindowStage<T, A> {
  readonly #alignment: Alignment;
  #store: PaneStore<T, A>;
  readonly #frames = new Map<number, Frame>();
  readonly #deadlines = new TimeHeap<Frame>((left, right) => left.start - right.start);
  readonly #again = new StateLog<Again>();
  /** Panes with values, by their start: their windows are open. */
  readonly #panes = new Map<number, Pane>();
  /** The pane of the last values. */
  #pane: Pane | undefined;

  constructor(setup: WindowSetup<T, A>, alignment: Alignment, merge: (left: A, right: A) => A, context: StageContext) {
    super(setup, context);
    this.#alignment = alignment;
    const { content, numbers } = setup;
    const host = this.#host();
    this.#store =
      numbers === undefined
        ? new ObjectPanes(content, merge, host)
        : new ColumnPanes(numbers, content, merge, setup.keyed, host);
  }

  protected addBatch(batch: Batch<T>, input: number): void {
    const { length } = batch.values;
    let next = 0;
    while (next < length) {
      const end = this.#runFrom(batch, next);
      if (end > next) next = this.#putRun(batch, next, end, (this.#pane as Pane).start, input);
      else this.#addBehind(batch, next++, input);
    }
  }

  /** Up to where values follow that are of one pane in use, in time for all windows over it, none of which has fired. Most are. */
  #runFrom(batch: Batch<T>, from: number): number {
    const times = this.timesOf(batch);
    const marks = this.marksOf(batch);
    const { length } = batch.values;
    const firstTime = times === null ? this.now : (times[from] as number);
    let pane = this.#pane;
    if (pane === undefined || firstTime < pane.start || firstTime >= pane.end) {
      pane = this.#panes.get(paneOf(firstTime, this.#alignment).start);
      this.#pane = pane;
    }
    if (pane === undefined || this.watermark >= pane.first + this.#alignment.sizeMs - 1) return from;
    const lastCall = pane.first + this.#alignment.sizeMs - 1 + this.setup.plan.latenessMs;
    let end = from;
    for (; end < length; end++) {
      const time = times === null ? this.now : (times[end] as number);
      if (time < pane.start || time >= pane.end || (marks !== null && (marks[end] as number) >= lastCall)) break;
    }
    return end;
  }

  #putRun(batch: Batch<T>, from: number, to: number, pane: number, input: number): number {
    const end = this.#store.putRun(batch, from, to, pane, input);
    if (end < to) this.#store = this.#store.general();
    return end;
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
    const again = this.#again.snapshot(
      ({ frame, key }) => entryBytes("again", frame.start, entryKey(key)),
      ({ frame, firing }) => this.encodePiece(frame.end - 1, firing),
    );
    return [...this.#store.changes(), ...again];
  }

  protected forgetChanges(): void {
    this.#store.committed();
    this.#again.committed();
  }

  protected load(entry: string, state: unknown): void {
    const [kind, rest] = entryParts(entry, 1) as [string, string];
    if (kind === "pane") this.#loadPart(rest, state as [A, number]);
    else this.#loadAgain(rest, state as number);
  }

  held(): number {
    return this.#store.held();
  }

  protected openOf(key: Key | undefined): OpenWindow[] {
    const open: OpenWindow[] = [];
    for (const { start, end } of this.#frames.values()) {
      const combined = this.#store.combine(key, { start, end });
      if (combined !== undefined)
        open.push({ window: { start, end }, value: this.setup.content.result(combined.held, key, start, end) });
    }
    return open.sort((left, right) => left.window.start - right.window.start);
  }

  protected nextOpen(): { window: TimeSpan; keys: number } | undefined {
    let next: Frame | undefined;
    for (const frame of this.#frames.values())
      if (!frame.closed && (next === undefined || frame.start < next.start)) next = frame;
    if (next === undefined) return undefined;
    const window = { start: next.start, end: next.end };
    return { window, keys: this.#store.keysIn(window) };
  }

  #host(): PaneHost<A> {
    return {
      keyOf: (batch, place) => this.keyOf(batch, place),
      timeOf: (batch, place) => this.timeOf(batch, place),
      fail: (error, batch, place) => this.context.fail(error, batch, place),
      begin: (piece, key, batch, place) => this.begin(piece, key, batch, place),
      checkLimit: (accumulator, key) => this.checkLimit(accumulator, key),
      fire: (accumulator, key, window, timing, firing) => this.fire(accumulator, key, window, timing, firing),
      results: this.results,
      encode: (stamp, state) => this.encodePiece(stamp, state),
    };
  }

  #put(
    batch: Batch<T>,
    place: number,
    time: number,
    pane: number,
    from: number,
    key: Key | undefined,
    input: number,
  ): boolean {
    let put = this.#store.put(batch, place, time, pane, from, key, input);
    if (put === "unfit") {
      this.#store = this.#store.general();
      put = this.#store.put(batch, place, time, pane, from, key, input);
    }
    return put === "added";
  }

  /** A value for a pane that is not in use yet, or that came when some of the windows over its pane were over. */
  #addBehind(batch: Batch<T>, place: number, input: number): void {
    const { sizeMs, slideMs } = this.#alignment;
    const { latenessMs, final } = this.setup.plan;
    const time = this.timeOf(batch, place);
    const key = this.keyOf(batch, place);
    const behind = this.judgedBy(this.marksOf(batch), place);
    const { start, end } = paneOf(time, this.#alignment);
    let pane = this.#panes.get(start);
    const { first, last } = pane ?? this.#spanOf(start);
    // The first window over the pane that the value is in time for.
    let from = first;
    while (from <= last && behind >= from + sizeMs - 1 + latenessMs) from += slideMs;
    if (from > last) {
      this.#reject(batch, place, time, behind, first, last);
      return;
    }
    pane ??= this.#openPane({ start, end, first, last });
    const again = !final && this.watermark >= from + sizeMs - 1 ? this.#closedFrom(from, last, key) : undefined;
    if (!this.#put(batch, place, time, start, from === first ? Number.NEGATIVE_INFINITY : from, key, input)) return;
    if (from > first) this.context.counters.latePartial++;
    if (again !== undefined) for (const { frame, had } of again) this.#fireLate(frame, key, had);
  }

  /** A value in no open window: too late, or in a gap between windows, where it passes if it came in time. */
  #reject(batch: Batch<T>, place: number, time: number, behind: number, first: number, last: number): void {
    const { sizeMs, slideMs } = this.#alignment;
    const windows: TimeSpan[] = [];
    for (let start = first; start <= last; start += slideMs) windows.push({ start, end: start + sizeMs });
    if (windows.length > 0 || time + this.setup.plan.latenessMs <= behind)
      this.late.add(batch, place, time, behind, windows);
  }

  /** The first and last window over a pane; none (first > last) in a gap between windows. */
  #spanOf(start: number): { first: number; last: number } {
    const { sizeMs, slideMs } = this.#alignment;
    const last = lastStart(start, this.#alignment);
    return { first: last - Math.ceil((sizeMs - (start - last)) / slideMs - 1) * slideMs, last };
  }

  /** A pane gets its first value: the windows over it that are not freed yet are open from now on. */
  #openPane(pane: Pane): Pane {
    this.#panes.set(pane.start, pane);
    for (let start = pane.first; start <= pane.last; start += this.#alignment.slideMs)
      if (!this.#frames.has(start)) this.#openFrame(start);
    return pane;
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
    const window = { start: frame.start, end: frame.end };
    if (this.#store.fireAll(window, timing)) return;
    this.#store = this.#store.general();
    this.#store.fireAll(window, timing);
  }

  /** The windows a late but allowed value fires again, and whether the key had something in them before it. */
  #closedFrom(from: number, last: number, key: Key | undefined): { readonly frame: Frame; readonly had: boolean }[] {
    const closed: { readonly frame: Frame; readonly had: boolean }[] = [];
    for (let start = from; start <= last; start += this.#alignment.slideMs) {
      const frame = this.#frames.get(start);
      if (frame?.closed === true) closed.push({ frame, had: this.#store.has(key, frame) });
    }
    return closed;
  }

  #fireLate(frame: Frame, key: Key | undefined, had: boolean): void {
    let again = frame.again.get(key);
    if (again === undefined) {
      again = { frame, key, firing: had ? 1 : 0, changed: false, saved: false, gone: false };
      frame.again.set(key, again);
    }
    this.#store.fireOne(key, { start: frame.start, end: frame.end }, "late", again.firing);
    again.firing++;
    this.#again.touch(again);
  }

  /** Frees the panes over which this was the last window. */
  #free(frame: Frame): void {
    const before = frame.start + this.#alignment.slideMs;
    this.#frames.delete(frame.start);
    for (const again of frame.again.values()) this.#again.remove(again);
    for (const start of this.#panes.keys()) if (start < before) this.#panes.delete(start);
    this.#pane = undefined;
    this.#store.free(before);
  }

  #loadPart(entry: string, [accumulator, added]: [A, number]): void {
    const [text, from, key] = entryParts(entry, 2) as [string, string, string];
    const start = Number(text);
    const part = [start, Number(from), keyOfEntry(key), accumulator, added] as const;
    if (!this.#store.load(...part)) {
      this.#store = this.#store.general();
      this.#store.load(...part);
    }
    if (!this.#panes.has(start)) this.#openPane({ ...paneOf(start, this.#alignment), ...this.#spanOf(start) });
  }

  #loadAgain(entry: string, firing: number): void {
    const [start, text] = entryParts(entry, 1) as [string, string];
    const frame = this.#frames.get(Number(start)) ?? this.#openFrame(Number(start));
    if (frame === undefined) return;
    const key = keyOfEntry(text);
    frame.again.set(key, { frame, key, firing, changed: false, saved: true, gone: false });
  }
}
