import { REGIONS } from "./places.js";
import { type Prng, prngFor } from "./prng.js";

const MS_PER_HOUR = 3_600_000;
const MS_PER_DAY = 24 * MS_PER_HOUR;

/** How much happens in each hour (UTC): a peak before noon, a higher one in the evening. The mean is 1. */
const HOURLY: readonly number[] = normalized([
  0.35, 0.25, 0.2, 0.18, 0.2, 0.3, 0.6, 0.95, 1.25, 1.4, 1.45, 1.35, 1.2, 1.15, 1.1, 1.1, 1.2, 1.4, 1.65, 1.8, 1.75,
  1.45, 0.95, 0.55,
]);
/** Sunday first. */
const WEEKLY: readonly number[] = normalized([0.8, 1, 1, 1.02, 1.05, 1.15, 0.98]);

/** In a region with a campaign this many times as much happens. */
const BURST_FACTOR = 20;

/** For an hour of a day, one region has much more to do than usual. */
export interface Burst {
  readonly region: string;
  readonly from: number;
  readonly to: number;
}

/** When events happen: a Poisson process whose rate follows the hour, the weekday and campaigns. */
export class Tempo {
  readonly #prng: Prng;
  readonly #seed: number;
  readonly #perMs: number;
  readonly #shares: ReadonlyMap<string, number>;
  #time: number;
  #burstDay = Number.NaN;
  #burst: Burst | undefined;

  /** `shares`: the part of all events that comes from each region. */
  constructor(seed: number, from: number, perDay: number, shares: ReadonlyMap<string, number>) {
    this.#prng = prngFor(seed, "tempo");
    this.#seed = seed;
    this.#perMs = perDay / MS_PER_DAY;
    this.#shares = shares;
    this.#time = from;
  }

  /** The time of the next event, and the burst it belongs to, if it does. */
  next(): { readonly at: number; readonly burst: Burst | undefined } {
    let work = this.#prng.exponential(1);
    for (;;) {
      const hourEnd = (Math.floor(this.#time / MS_PER_HOUR) + 1) * MS_PER_HOUR;
      const burst = this.#burstAt(this.#time);
      const extra = burst === undefined ? 0 : (BURST_FACTOR - 1) * (this.#shares.get(burst.region) ?? 0);
      const rate = this.#perMs * usual(this.#time) * (1 + extra);
      const room = rate * (hourEnd - this.#time);
      if (work <= room) {
        this.#time += work / rate;
        const inBurst = burst !== undefined && this.#prng.chance(extra / (1 + extra));
        return { at: Math.floor(this.#time), burst: inBurst ? burst : undefined };
      }
      work -= room;
      this.#time = hourEnd;
    }
  }

  /** Every other day has a burst; hours are whole, so that a burst begins and ends with one. */
  #burstAt(time: number): Burst | undefined {
    const day = Math.floor(time / MS_PER_DAY);
    if (day !== this.#burstDay) {
      this.#burstDay = day;
      const prng = prngFor(this.#seed, "burst", day);
      const from = day * MS_PER_DAY + (8 + prng.below(13)) * MS_PER_HOUR;
      this.#burst = prng.chance(0.5) ? { region: prng.pick(REGIONS).name, from, to: from + MS_PER_HOUR } : undefined;
    }
    const burst = this.#burst;
    return burst !== undefined && time >= burst.from && time < burst.to ? burst : undefined;
  }
}

function usual(time: number): number {
  const hour = Math.floor(time / MS_PER_HOUR) % 24;
  const weekday = (Math.floor(time / MS_PER_DAY) + 4) % 7;
  return (HOURLY[hour] as number) * (WEEKLY[weekday] as number);
}

function normalized(weights: readonly number[]): number[] {
  const mean = weights.reduce((sum, weight) => sum + weight, 0) / weights.length;
  return weights.map((weight) => weight / mean);
}
