/** Buckets of each doubling: an estimated quantile is at most 9 % off. */
const BUCKETS_PER_DOUBLING = 8;
/** Doublings above the lowest bound: 1 µs up to 71 minutes where the unit is seconds. */
const DOUBLINGS = 32;
const LOWEST = 1e-6;

/** Upper bounds of the buckets, inclusive. Divided rather than multiplied, so that a bound prints as `0.000008`. */
const BOUNDS: Float64Array = Float64Array.from(
  { length: BUCKETS_PER_DOUBLING * DOUBLINGS + 1 },
  (_, i) => 2 ** (i / BUCKETS_PER_DOUBLING) / 1e6,
);
const LAST = BOUNDS.length - 1;

/** A bucket as Prometheus wants it: how many recorded values are at most `bound`. */
export interface CumulativeBucket {
  readonly bound: number;
  readonly count: number;
}

/**
 * Counts values in fixed logarithmic buckets: recording costs one logarithm and no memory, whatever was recorded. Made for seconds
 * (1 µs to 71 minutes), right for any positive quantity of that range, such as batch sizes; what lies outside is counted in the
 * first bucket or above the last.
 *
 * @example
 * ```ts
 * import { Histogram } from "./histogram.js";
 * const latency = new Histogram();
 * latency.record(0.012);
 * latency.quantile(0.99); // 0.012
 * ```
 */
export class Histogram {
  readonly #counts: Float64Array = new Float64Array(BOUNDS.length + 1);
  #count = 0;
  #sum = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;

  /** How many values were recorded. */
  get count(): number {
    return this.#count;
  }

  /** All recorded values together. */
  get sum(): number {
    return this.#sum;
  }

  /** Adds `value`, `times` times over. NaN is not counted; below zero (a clock that was set back) counts as zero. */
  record(value: number, times = 1): void {
    if (Number.isNaN(value)) return;
    const counted = Math.max(0, value);
    const bucket = bucketOf(counted);
    this.#counts[bucket] = (this.#counts[bucket] as number) + times;
    this.#count += times;
    this.#sum += counted * times;
    if (counted < this.#min) this.#min = counted;
    if (counted > this.#max) this.#max = counted;
  }

  /** The value that a share `q` (0 to 1) of all recorded values does not exceed, estimated; undefined while nothing is recorded. */
  quantile(q: number): number | undefined {
    if (this.#count === 0) return undefined;
    const rank = Math.max(1, Math.min(1, q) * this.#count);
    let below = 0;
    for (let i = 0; i <= LAST; i++) {
      const inBucket = this.#counts[i] as number;
      if (below + inBucket >= rank) {
        const from = i === 0 ? 0 : (BOUNDS[i - 1] as number);
        const estimate = from + ((BOUNDS[i] as number) - from) * ((rank - below) / inBucket);
        return Math.min(this.#max, Math.max(this.#min, estimate));
      }
      below += inBucket;
    }
    return this.#max;
  }

  /** Cumulative counts at every doubling; what lies above the last bound is in `count` only. */
  buckets(): CumulativeBucket[] {
    const out: CumulativeBucket[] = [];
    let count = 0;
    for (let i = 0; i <= LAST; i++) {
      count += this.#counts[i] as number;
      if (i % BUCKETS_PER_DOUBLING === 0) out.push({ bound: BOUNDS[i] as number, count });
    }
    return out;
  }
}

/** The first bucket whose bound is not below `value`; one past the last for what is above all. */
function bucketOf(value: number): number {
  if (value <= LOWEST) return 0;
  if (value > (BOUNDS[LAST] as number)) return LAST + 1;
  // The logarithm may miss a bound by its last bit; the table decides, from one below.
  let bucket = Math.max(1, Math.ceil(Math.log2(value / LOWEST) * BUCKETS_PER_DOUBLING) - 1);
  while (value > (BOUNDS[bucket] as number)) bucket++;
  return bucket;
}
