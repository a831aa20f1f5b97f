import type { Key } from "../element.js";
import type { Batch, StageContext, StateChange } from "../stage.js";
import { type Logged, StateLog } from "../state/state-log.js";
import { type Alignment, lastStart, paneOf, windowsOf } from "./aligned.js";
import { entryBytes, entryKey, keyOfEntry } from "./state-entries.js";
import type { OpenWindow, WindowSetup } from "./window-setup.js";
import { WindowStage } from "./window-stage.js";

/** Some values that follow each other, by the number of the first. */
interface Part<A> {
  readonly pane: number;
  accumulator: A;
  /** The latest event time among them; NaN: they have none. */
  latest: number;
}

/** What a key holds: how many values it has had, and the parts that a window to come needs. */
interface Row<A> extends Logged {
  readonly key: Key | undefined;
  count: number;
  readonly parts: Part<A>[];
}

/** Windows of a number of values: the same as sliding ones, with the number of a value among its key's as its time. */
export class CountWindows<T, A> extends WindowStage<T, A> {
  readonly #size: number;
  readonly #step: number;
  readonly #alignment: Alignment;
  readonly #merge: ((left: A, right: A) => A) | undefined;
  readonly #rows = new Map<Key | undefined, Row<A>>();
  readonly #log = new StateLog<Row<A>>();
  readonly nextDeadline: number = Number.POSITIVE_INFINITY;

  constructor(setup: WindowSetup<T, A>, size: number, step: number, context: StageContext) {
    super(setup, context);
    this.#size = size;
    this.#step = step;
    this.#alignment = { sizeMs: size, slideMs: step, offsetMs: (step - (size % step)) % step };
    this.#merge = setup.content.merge;
  }

  protected addBatch(batch: Batch<T>, input: number): void {
    const { values, keys, times } = batch;
    for (let i = 0; i < values.length; i++) {
      const key = this.setup.keyed ? (keys as readonly Key[])[i] : undefined;
      const found = this.#rows.get(key);
      const row = found ?? { key, count: 0, parts: [], changed: false, saved: false, gone: false };
      if (!this.#put(row, batch, i, times === null ? Number.NaN : (times[i] as number), input)) continue;
      if (found === undefined) this.#rows.set(key, row);
      this.#log.touch(row);
      if (row.count % this.#step === 0) this.#fire(row);
    }
  }

  protected advance(): void {}
  protected fireEarly(): void {}
  protected awaitEarlyEvent(): void {}

  /** What is left over is never a window of its own. */
  protected fireAll(): void {}

  protected changes(): StateChange[] {
    return this.#log.snapshot(
      ({ key }) => entryBytes(entryKey(key)),
      ({ count, parts }) =>
        this.encodePiece(Number.NaN, [
          count,
          parts.map(({ pane, accumulator, latest }) => [pane, accumulator, latest]),
        ]),
    );
  }

  protected forgetChanges(): void {
    this.#log.committed();
  }

  protected load(entry: string, state: unknown): void {
    const [count, parts] = state as [number, [number, A, number][]];
    const key = keyOfEntry(entry);
    const row = { key, count, changed: false, saved: true, gone: false };
    this.#rows.set(key, { ...row, parts: parts.map(([pane, accumulator, latest]) => ({ pane, accumulator, latest })) });
  }

  held(): number {
    let values = 0;
    for (const { count } of this.#rows.values()) values += count % this.#step;
    return values;
  }

  protected openOf(key: Key | undefined): OpenWindow[] {
    const row = this.#rows.get(key);
    if (row === undefined || row.parts.length === 0) return [];
    const end = row.count;
    const window = { start: Math.max(0, end - this.#size), end };
    return [
      {
        window,
        value: this.setup.content.result(this.#combine(row, end - this.#size).accumulator, key, window.start, end),
      },
    ];
  }

  protected nextOpen(): undefined {
    return undefined;
  }

  /** Adds the value to the parts it is in, if it is in any. False: the user's function failed, and nothing changed. */
  #put(row: Row<A>, batch: Batch<T>, place: number, time: number, input: number): boolean {
    const { content } = this.setup;
    for (const pane of this.#panesOf(row.count)) {
      const part = row.parts.find((one) => one.pane === pane);
      let accumulator: A;
      try {
        accumulator = content.add(
          part === undefined ? content.init() : part.accumulator,
          batch,
          place,
          row.count,
          input,
        );
      } catch (error) {
        this.context.fail(error, batch, place);
        return false;
      }
      if (part === undefined) {
        const fresh = { pane, accumulator, latest: time };
        this.begin(fresh, row.count === 0 ? row.key : undefined, batch, place);
        row.parts.push(fresh);
      } else {
        part.accumulator = accumulator;
        if (time > part.latest) part.latest = time;
      }
    }
    row.count++;
    return true;
  }

  /** The parts a value is in, by its number: the one pane it is in, or where windows can not share panes every window. */
  #panesOf(number: number): number[] {
    const last = lastStart(number, this.#alignment);
    if (number - last >= this.#size) return [];
    if (this.#merge !== undefined || this.#size <= this.#step) return [paneOf(number, this.#alignment).start];
    return windowsOf(number, this.#alignment).map(({ start }) => start);
  }

  #fire(row: Row<A>): void {
    const end = row.count;
    const { accumulator, latest } = this.#combine(row, end - this.#size);
    const window = { start: Math.max(0, end - this.#size), end };
    this.fire(accumulator, row.key, window, "onTime", 0, { time: latest });
    const needed = row.parts.findIndex(({ pane }) => pane >= end + this.#step - this.#size);
    row.parts.splice(0, needed < 0 ? row.parts.length : needed);
  }

  /** The content of the window that begins at a number. */
  #combine({ parts }: Row<A>, start: number): { accumulator: A; latest: number } {
    if (this.#merge === undefined || this.#size <= this.#step)
      return parts.find(({ pane }) => pane === start) ?? { accumulator: this.setup.content.init(), latest: Number.NaN };
    let accumulator = this.setup.content.init();
    let latest = Number.NaN;
    for (const part of parts) {
      if (part.pane < start) continue;
      accumulator = this.#merge(accumulator, part.accumulator);
      if (!(part.latest <= latest)) latest = part.latest;
    }
    return { accumulator, latest };
  }
}
