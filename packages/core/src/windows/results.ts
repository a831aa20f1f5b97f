import type { Key, Origin } from "../element.js";
import { Batch, type Emit, MAX_BATCH } from "../stage.js";
import { keyText } from "../state/codec.js";
import type { TimeSpan, Windowed } from "./window.js";

type Timing = Windowed<unknown, unknown>["timing"];

/**
 * What a result is as a value: "windowed" with its window, "bare" alone, or "spread": a list whose values leave one by one. Values of a
 * spread result may bring their own ids.
 */
export type ResultShape = "windowed" | "bare" | "spread";

/** A value of a spread result that brings its id. */
export interface Identified {
  readonly value: unknown;
  readonly origin: Origin | undefined;
}

/**
 * Results on their way out, in slices of at most MAX_BATCH. The id of a result is operator, key, start and end; it is the same for every
 * firing of a window, so that an idempotent sink writes over the earlier one, and `firing` in it tells them apart for a sink that
 * appends.
 */
export class ResultWriter {
  readonly #operator: string;
  readonly #keyed: boolean;
  readonly #shape: ResultShape;
  readonly #identified: boolean;
  #emit: Emit | undefined;
  #values: unknown[] = [];
  #times: number[] = [];
  #keys: Key[] = [];
  #origins: Origin[] = [];
  #timed = true;
  /** The window whose results are pushed: all its keys fire together, and share it and its text. */
  #window: TimeSpan = { start: Number.NaN, end: Number.NaN };
  #offset = "";
  #time = Number.NaN;

  /** `identified` false: values are combined in no replayable way, so they have no ids, or nobody reads them. */
  constructor(options: {
    readonly operator: string;
    readonly keyed: boolean;
    readonly shape: ResultShape;
    readonly identified: boolean;
  }) {
    this.#operator = options.operator;
    this.#keyed = options.keyed;
    this.#shape = options.shape;
    this.#identified = options.identified;
  }

  /** From here on results leave as soon as a slice is full. */
  begin(emit: Emit): void {
    this.#emit = emit;
  }

  /** The results that follow are of this window, and have this event time (NaN: none). */
  of({ start, end }: TimeSpan, time: number): void {
    this.#time = time;
    if (start === this.#window.start && end === this.#window.end) return;
    this.#window = { start, end };
    this.#offset = `${start}-${end}`;
  }

  push(key: Key | undefined, value: unknown, timing: Timing, firing: number, replaces?: readonly TimeSpan[]): void {
    if (this.#shape === "windowed") {
      const window = this.#window;
      const result =
        replaces === undefined || replaces.length === 0
          ? { key, window, value, timing, firing }
          : { key, window, value, timing, firing, replaces };
      this.#add(key, result, this.#identified ? this.#origin(key, firing) : undefined);
    } else if (this.#shape === "bare") {
      this.#add(key, value, this.#identified ? this.#origin(key, firing) : undefined);
    } else {
      for (const one of value as readonly Identified[]) this.#add(key, one.value, one.origin);
    }
  }

  /** Lets everything out. */
  flush(emit: Emit): void {
    this.#emit = undefined;
    while (this.#values.length > 0) this.#leave(emit);
  }

  #add(key: Key | undefined, value: unknown, origin: Origin | undefined): void {
    this.#values.push(value);
    this.#times.push(this.#time);
    if (Number.isNaN(this.#time)) this.#timed = false;
    if (this.#keyed) this.#keys.push(key as Key);
    if (origin !== undefined) this.#origins.push(origin);
    if (this.#emit !== undefined && this.#values.length >= MAX_BATCH) this.#leave(this.#emit);
  }

  #leave(emit: Emit): void {
    const count = Math.min(this.#values.length, MAX_BATCH);
    const rest = this.#values.length > count;
    const whole = new Batch(
      this.#values,
      this.#timed ? this.#times : null,
      this.#keyed ? this.#keys : null,
      this.#origins.length === this.#values.length ? this.#origins : null,
      null,
      undefined,
    );
    this.#values = rest ? this.#values.slice(count) : [];
    this.#times = rest ? this.#times.slice(count) : [];
    this.#keys = rest ? this.#keys.slice(count) : [];
    this.#origins = rest ? this.#origins.slice(count) : [];
    if (!rest) this.#timed = true;
    emit(rest ? whole.slice(0, count) : whole);
  }

  #origin(key: Key | undefined, firing: number): Origin {
    const partition = key === undefined ? "" : keyText(key);
    const origin = { source: this.#operator, partition, offset: this.#offset, index: "" };
    return firing === 0 ? origin : { ...origin, firing };
  }
}
