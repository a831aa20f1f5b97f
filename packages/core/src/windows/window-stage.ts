import type { Key } from "../element.js";
import { StreamError } from "../errors.js";
import { Batch, type Emit, type Stage, type StageContext, type StateChange } from "../stage.js";
import { type Codec, jsonCodec } from "../state/codec.js";
import { packKey, packState, unpackState } from "../state/state-bytes.js";
import { type Logged, StateLog } from "../state/state-log.js";
import { TimeHeap } from "../time/time-heap.js";
import { LateValues } from "./late-values.js";
import type { Pair } from "./pair.js";
import { type Identified, ResultWriter } from "./results.js";
import type { TimeSpan, Windowed } from "./window.js";
import { type Holding, type OpenWindow, type WindowSetup, waitingText } from "./window-setup.js";

/** The first so many pieces of state are encoded when they are first written, so that what can not be saved is refused there. */
const CHECKED_PIECES = 64;
const WATERMARK = "watermark";
const decoder = new TextDecoder();

/**
 * What all windows have in common: their clock (the watermark, or the processing time just passed), early firings by the processing
 * clock, late values, results on their way out and state. How values are put into windows is the subclass's.
 */
export abstract class WindowStage<T, A> implements Stage {
  protected readonly setup: WindowSetup<T, A>;
  protected readonly context: StageContext;
  protected readonly results: ResultWriter;
  protected readonly late: LateValues;
  /** No more values with a time up to this are expected; by processing time, the millisecond that has just passed. */
  protected watermark: number = Number.NEGATIVE_INFINITY;
  /** The processing time of the batch. */
  protected now: number = Number.NaN;
  readonly #usesClock: boolean;
  readonly #early = new TimeHeap<Holding<A>>();
  readonly #codec: Codec<unknown>;
  readonly #mark: Logged = { changed: false, saved: false, gone: false };
  readonly #marks = new StateLog<Logged>();
  #unchecked: number;

  constructor(setup: WindowSetup<T, A>, context: StageContext) {
    this.setup = setup;
    this.context = context;
    this.late = new LateValues(context, setup.keyed);
    this.results = new ResultWriter({
      operator: context.operator,
      keyed: setup.keyed,
      shape: setup.shape,
      identified: context.wantsIds !== false && (setup.keyed || setup.clock !== "count"),
    });
    this.#usesClock = setup.clock === "processing" || setup.plan.early?.by === "processing";
    this.#codec = jsonCodec(setup.where);
    this.#unchecked = setup.named ? CHECKED_PIECES : 0;
  }

  /** Puts the values of a batch into windows; results wait in `results`. */
  protected abstract addBatch(batch: Batch<T>, input: number): void;
  /** Moves the windows' clock and fires what is due by it, in the order of time. */
  protected abstract advance(to: number): void;
  /** When the next window fires or is freed by the windows' clock. */
  protected abstract get nextDeadline(): number;
  /** Fires a window before its end. */
  protected abstract fireEarly(holding: Holding<A>): void;
  /** A value came into a window that fires early by event time. */
  protected abstract awaitEarlyEvent(holding: Holding<A>): void;
  /** Emits every open window as it is. */
  protected abstract fireAll(): void;
  protected abstract changes(): StateChange[];
  protected abstract forgetChanges(): void;
  protected abstract load(entry: string, state: unknown): void;
  /** Values in no firing yet. */
  abstract held(): number;
  /** The open windows of a key. */
  protected abstract openOf(key: Key | undefined): OpenWindow[];
  /** The window that fires next, in words; undefined: none is open. */
  protected abstract nextOpen(): { readonly window: TimeSpan; readonly keys: number } | undefined;

  onBatch(batch: Batch, emit: Emit, input: number): void {
    if (this.#usesClock) {
      this.now = this.context.clock.now();
      this.results.begin(emit);
      this.#runClock(this.now);
      this.results.flush(emit);
    }
    this.addBatch(batch as Batch<T>, input);
    this.late.flush(batch, emit, this.setup.shape === "windowed" ? undefined : input);
    this.results.flush(emit);
    this.#arm();
  }

  onWatermark(time: number, emit: Emit): void {
    if (this.setup.clock !== "event" || time <= this.watermark) return;
    this.results.begin(emit);
    this.advance(time);
    this.results.flush(emit);
    this.#marks.touch(this.#mark);
  }

  outputWatermark(input: number): number {
    return this.setup.plan.final ? input - this.setup.plan.latenessMs : input;
  }

  onTimer(now: number, emit: Emit): void {
    this.results.begin(emit);
    this.#runClock(now);
    this.results.flush(emit);
    this.#arm();
  }

  /** Of a complete input windows by processing time fire too; what is left of count windows does not. */
  onEnd(emit: Emit): void {
    if (this.setup.clock !== "processing") return;
    this.results.begin(emit);
    this.advance(Number.POSITIVE_INFINITY);
    this.results.flush(emit);
  }

  fireOpen(emit: Emit): void {
    this.results.begin(emit);
    this.fireAll();
    this.results.flush(emit);
  }

  /** What became due while nothing ran fires before the first value. */
  onStart(emit: Emit): void {
    if (this.#usesClock) this.onTimer(this.context.clock.now(), emit);
  }

  snapshot(): StateChange[] {
    const changes = this.changes();
    const mark = this.#marks.snapshot(
      () => packKey(WATERMARK),
      () => this.encodePiece(this.watermark, null),
    );
    // +∞ is the end of one run's input, not a time to go on from.
    if (Number.isFinite(this.watermark)) changes.push(...mark);
    return changes;
  }

  committed(): void {
    this.forgetChanges();
    this.#marks.committed();
  }

  restore(entries: Iterable<readonly [key: Uint8Array, value: Uint8Array]>): void {
    const all = [...entries].map(([key, value]) => ({
      entry: decoder.decode(key),
      ...unpackState(this.#codec, value, this.setup.where),
    }));
    // The clock comes first: whether a window has fired follows from it.
    for (const { entry, stamp } of all) if (entry === WATERMARK) this.watermark = stamp;
    for (const { entry, state } of all) if (entry !== WATERMARK) this.load(entry, state);
  }

  read(key: Key): unknown {
    return this.openOf(this.setup.keyed ? key : undefined);
  }

  waiting(): string | undefined {
    const open = this.nextOpen();
    return open === undefined ? undefined : waitingText(this.setup, open, this.watermark);
  }

  /** The times of a batch by the windows' clock; null: all are `now`. */
  protected timesOf(batch: Batch): readonly number[] | null {
    if (this.setup.clock === "processing") return null;
    if (batch.times === null)
      throw new StreamError("E_NO_EVENT_TIME", `"${this.setup.where}" works on event time, and its values have none`, {
        operator: this.context.operator,
      });
    return batch.times;
  }

  protected timeOf(batch: Batch, place: number): number {
    return this.setup.clock === "processing" ? this.now : ((batch.times as readonly number[])[place] as number);
  }

  protected keyOf(batch: Batch, place: number): Key | undefined {
    return this.setup.keyed ? (batch.keys as readonly Key[])[place] : undefined;
  }

  /** The watermark a value is judged by: its partition's where that had passed it, else the one that is here. */
  protected judgedBy(marks: readonly number[] | null, place: number): number {
    if (marks === null) return this.watermark;
    const mark = marks[place] as number;
    // Unmarked is NaN, which is not above anything.
    return mark > this.watermark ? mark : this.watermark;
  }

  /** The marks of a batch; by processing time no value is late. */
  protected marksOf(batch: Batch): readonly number[] | null {
    return this.setup.clock === "event" ? batch.marks : null;
  }

  /** Fires a result; a function of the user's that throws goes to the error policy with the window it failed for. */
  protected fire(
    accumulator: A,
    key: Key | undefined,
    window: TimeSpan,
    timing: Windowed<unknown, unknown>["timing"],
    firing: number,
    more: { readonly replaces?: readonly TimeSpan[]; readonly time?: number } = {},
  ): void {
    const { start, end } = window;
    let value: unknown;
    try {
      value = this.setup.content.result(accumulator, key, start, end);
    } catch (error) {
      this.failResult(error, key, window, { key, window: { start, end } });
      return;
    }
    if (this.setup.spread !== undefined) value = this.#spread(value as readonly Pair[], key, { start, end }, firing);
    this.results.of(window, more.time ?? end - 1);
    this.results.push(key, value, timing, firing, more.replaces);
  }

  protected failResult(error: unknown, key: Key | undefined, { end }: TimeSpan, what: unknown): void {
    const keys = key === undefined ? null : [key];
    this.context.fail(error, new Batch([what], [end - 1], keys, null, null, undefined), 0);
  }

  /** The results of pairs; one whose function fails goes to the error policy alone. */
  #spread(pairs: readonly Pair[], key: Key | undefined, window: TimeSpan, firing: number): Identified[] {
    const results: Identified[] = [];
    for (const pair of pairs) {
      try {
        const value = this.setup.spread?.(pair, key, window);
        results.push({
          value,
          origin: pair.origin === undefined || firing === 0 ? pair.origin : { ...pair.origin, firing },
        });
      } catch (error) {
        this.failResult(error, key, window, { left: pair.left, right: pair.right });
      }
    }
    return results;
  }

  /** After a value came into an open window: fires it early, or sees to it that it will be. */
  protected awaitEarly(holding: Holding<A>): void {
    const { early } = this.setup.plan;
    if (early === undefined) return;
    if (early.by === "count") {
      if (holding.added >= early.count) this.fireEarly(holding);
    } else if (early.by === "event") {
      this.awaitEarlyEvent(holding);
    } else if (holding.dueAt === undefined) {
      holding.dueAt = this.now + early.everyMs;
      this.#early.push(holding.dueAt, holding);
    }
  }

  /** A window that came from a checkpoint, or from merging others, is to be fired early when it was. */
  protected resumeEarly(holding: Holding<A>): void {
    if (holding.dueAt !== undefined) this.#early.push(holding.dueAt, holding);
  }

  /** A value is in: what the window holds must stay within its limit. */
  protected checkLimit(accumulator: A, key: Key | undefined): void {
    this.setup.limit?.(accumulator, key);
  }

  /** A new piece of state begins with a value: refused now if no checkpoint could hold it, or if its key is of another partition. */
  protected begin(
    piece: { readonly accumulator: A } | undefined,
    key: Key | undefined,
    batch: Batch,
    place: number,
  ): void {
    if (key !== undefined) this.context.newKey(key, batch, place);
    if (piece === undefined || this.#unchecked === 0) return;
    this.#unchecked--;
    this.#codec.encode(piece.accumulator);
  }

  protected encodePiece(stamp: number, state: unknown): Uint8Array {
    return packState(this.#codec, state, stamp, this.setup.where);
  }

  /** Runs what is due by the processing clock, in the order of time. */
  #runClock(now: number): void {
    const processing = this.setup.clock === "processing";
    const before = this.watermark;
    for (;;) {
      const early = this.#early.nextTime;
      // A window by processing time is over when its last millisecond has passed, so that no value can come for it after that.
      const end = processing ? this.nextDeadline + 1 : Number.POSITIVE_INFINITY;
      if (Math.min(early, end) > now) break;
      if (end <= early) {
        this.advance(end - 1);
      } else {
        const holding = this.#early.pop() as Holding<A>;
        if (holding.dueAt === early && !holding.gone) this.fireEarly(holding);
      }
    }
    if (!processing) return;
    this.advance(Math.max(this.watermark, now - 1));
    if (this.watermark > before) this.#marks.touch(this.#mark);
  }

  #arm(): void {
    if (!this.#usesClock) return;
    const end = this.setup.clock === "processing" ? this.nextDeadline + 1 : Number.POSITIVE_INFINITY;
    const next = Math.min(this.#early.nextTime, end);
    if (next !== Number.POSITIVE_INFINITY) this.context.wakeAt(next);
  }
}
