import { DISORDER_MS, type Event, MINUTE_MS, type Result } from "./event.js";

interface Sums {
  count: number;
  sum: number;
}

const NOTHING: readonly Result[] = [];

/**
 * Count and sum by key in tumbling minutes, as one would write it by hand: a Map of Maps, the last window kept at hand. Every engine
 * without keyed event-time windows of its own gets this.
 */
export class TumblingState {
  readonly #windows = new Map<number, Map<string, Sums>>();
  #start = Number.NaN;
  #window = new Map<string, Sums>();
  #watermark = Number.NEGATIVE_INFINITY;
  /** The end of the earliest open window. */
  #nextEnd = Number.POSITIVE_INFINITY;

  /** Adds an event; the windows it closes, mostly none. */
  add(event: Event): readonly Result[] {
    const start = event.ts - (event.ts % MINUTE_MS);
    if (start !== this.#start) this.#open(start);
    const sums = this.#window.get(event.user);
    if (sums === undefined) this.#window.set(event.user, { count: 1, sum: event.amount });
    else {
      sums.count++;
      sums.sum += event.amount;
    }
    const watermark = event.ts - DISORDER_MS - 1;
    if (watermark > this.#watermark) {
      this.#watermark = watermark;
      if (watermark >= this.#nextEnd - 1) return this.#fire(watermark);
    }
    return NOTHING;
  }

  /** What is still open at the end. */
  end(): readonly Result[] {
    return this.#fire(Number.POSITIVE_INFINITY);
  }

  #open(start: number): void {
    let window = this.#windows.get(start);
    if (window === undefined) {
      window = new Map();
      this.#windows.set(start, window);
      this.#nextEnd = Math.min(this.#nextEnd, start + MINUTE_MS);
    }
    this.#start = start;
    this.#window = window;
  }

  #fire(watermark: number): readonly Result[] {
    const results: Result[] = [];
    this.#nextEnd = Number.POSITIVE_INFINITY;
    for (const [start, window] of this.#windows) {
      if (watermark < start + MINUTE_MS - 1) {
        this.#nextEnd = Math.min(this.#nextEnd, start + MINUTE_MS);
        continue;
      }
      for (const [key, { count, sum }] of window) results.push({ key, start, count, sum });
      this.#windows.delete(start);
      if (start === this.#start) this.#start = Number.NaN;
    }
    return results;
  }
}
