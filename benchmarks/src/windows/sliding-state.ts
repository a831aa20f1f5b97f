import { DISORDER_MS, type Event, MINUTE_MS, type Result } from "./event.js";

interface Sums {
  count: number;
  sum: number;
}

export const WINDOW_MS: number = 10 * MINUTE_MS;
const NOTHING: readonly Result[] = [];

/** Windows of ten minutes, one every minute, from panes of one minute: an event is added once, a window is put together when it closes. */
export class SlidingPanes {
  readonly #panes = new Map<number, Map<string, Sums>>();
  #watermark = Number.NEGATIVE_INFINITY;
  /** The end of the earliest window that has not closed. */
  #nextEnd = Number.POSITIVE_INFINITY;
  #newest = Number.NEGATIVE_INFINITY;

  add(event: Event): readonly Result[] {
    const start = event.ts - (event.ts % MINUTE_MS);
    let pane = this.#panes.get(start);
    if (pane === undefined) {
      pane = new Map();
      this.#panes.set(start, pane);
      if (this.#watermark === Number.NEGATIVE_INFINITY || start + MINUTE_MS < this.#nextEnd)
        this.#nextEnd = start + MINUTE_MS;
      if (start > this.#newest) this.#newest = start;
    }
    addTo(pane, event.user, 1, event.amount);
    const watermark = event.ts - DISORDER_MS - 1;
    if (watermark <= this.#watermark) return NOTHING;
    this.#watermark = watermark;
    return watermark >= this.#nextEnd - 1 ? this.#fire(watermark) : NOTHING;
  }

  end(): readonly Result[] {
    return this.#fire(this.#newest + WINDOW_MS);
  }

  #fire(watermark: number): readonly Result[] {
    const results: Result[] = [];
    for (; watermark >= this.#nextEnd - 1; this.#nextEnd += MINUTE_MS) {
      const from = this.#nextEnd - WINDOW_MS;
      const window = new Map<string, Sums>();
      for (let start = from; start < this.#nextEnd; start += MINUTE_MS)
        for (const [key, { count, sum }] of this.#panes.get(start) ?? []) addTo(window, key, count, sum);
      for (const [key, { count, sum }] of window) results.push({ key, start: from, count, sum });
      this.#panes.delete(from);
    }
    return results;
  }
}

/** The same with every event added to each of its ten windows. */
export class SlidingNaive {
  readonly #windows = new Map<number, Map<string, Sums>>();
  #watermark = Number.NEGATIVE_INFINITY;

  add(event: Event): readonly Result[] {
    const last = event.ts - (event.ts % MINUTE_MS);
    for (let start = last; start > last - WINDOW_MS; start -= MINUTE_MS) {
      let window = this.#windows.get(start);
      if (window === undefined) {
        window = new Map();
        this.#windows.set(start, window);
      }
      addTo(window, event.user, 1, event.amount);
    }
    const watermark = event.ts - DISORDER_MS - 1;
    if (watermark <= this.#watermark) return NOTHING;
    const before = Math.floor((this.#watermark + 1) / MINUTE_MS);
    this.#watermark = watermark;
    return Math.floor((watermark + 1) / MINUTE_MS) > before ? this.#fire(watermark) : NOTHING;
  }

  end(): readonly Result[] {
    return this.#fire(Number.POSITIVE_INFINITY);
  }

  #fire(watermark: number): readonly Result[] {
    const results: Result[] = [];
    for (const [start, window] of this.#windows) {
      if (watermark < start + WINDOW_MS - 1) continue;
      for (const [key, { count, sum }] of window) results.push({ key, start, count, sum });
      this.#windows.delete(start);
    }
    return results;
  }
}

function addTo(window: Map<string, Sums>, key: string, count: number, sum: number): void {
  const sums = window.get(key);
  if (sums === undefined) window.set(key, { count, sum });
  else {
    sums.count += count;
    sums.sum += sum;
  }
}
