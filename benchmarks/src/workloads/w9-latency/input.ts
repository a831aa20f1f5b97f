import { performance } from "node:perf_hooks";
import { quantile } from "../../statistics.js";

/** The five stages. */
export const addOne = (value: number): number => value + 1;
export const isPositive = (value: number): boolean => value > 0;
export const double = (value: number): number => value * 2;
export const isEven = (value: number): boolean => value % 2 === 0;
export const half = (value: number): number => value / 2;

export function prepare(size: number): Latencies {
  return new Latencies(size);
}

/** Sends values one at a time, the next when the last has arrived, and notes how long each took. */
export class Latencies {
  readonly count: number;
  readonly #times: Float64Array;
  #arrivals = 0;
  #sent = 0;
  #checksum = 0;
  #waiting: (() => void) | undefined;

  constructor(count: number) {
    this.count = count;
    this.#times = new Float64Array(count);
  }

  /** What the end of the pipeline calls. */
  arrived(value: number): void {
    this.#times[this.#arrivals++] = performance.now() - this.#sent;
    this.#checksum += value;
    this.#waiting?.();
  }

  /** Waits only where the value did not arrive within the call. */
  async sendAll(send: (value: number) => unknown): Promise<void> {
    for (let value = 0; value < this.count; value++) {
      this.#sent = performance.now();
      send(value);
      if (this.#arrivals > value) continue;
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
      this.#waiting = undefined;
    }
  }

  outcome(): { readonly checksum: number; readonly figures: { readonly p50us: number; readonly p99us: number } } {
    const times = [...this.#times].sort((left, right) => left - right);
    const figures = { p50us: quantile(times, 0.5) * 1000, p99us: quantile(times, 0.99) * 1000 };
    return { checksum: this.#checksum, figures };
  }
}
