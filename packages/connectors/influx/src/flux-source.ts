import {
  type Duration,
  durationMs,
  durationOrZeroMs,
  messageOf,
  type PoisonValue,
  requireArgument,
  type Source,
  type SourceBatch,
  type SourceReader,
} from "@millrace/core";
import type { FluxRow } from "./annotated-csv.js";
import type { FluxQuery } from "./flux.js";
import { FluxPages, type PlacedRow } from "./flux-pages.js";
import type { InfluxConnection } from "./influx-connection.js";
import { InfluxRequests } from "./influx-requests.js";
import { NS_PER_MS, nanosecondsOf } from "./row-time.js";

/** Options of {@link fluxSource}. */
export type FluxSourceOptions<T> = InfluxConnection & {
  readonly bucket: string;
  /** Finds its positions in checkpoints. */
  readonly name: string;
  /** From here on, milliseconds or Date. */
  readonly start: number | Date;
  /** Up to here, not including it: the source is bounded and completes. Without it, it follows the clock. */
  readonly stop?: number | Date;
  /** How far behind the clock it stays, for points that come late (1m). */
  readonly lateness?: Duration | 0;
  /** How much time the first query asks for (1h); then as much as gives about `pageRows`. */
  readonly step?: Duration;
  /** Rows one query gives at most (10,000), unless more than that have the same time. */
  readonly pageRows?: number;
  /** What follows `range()`, made by the `flux` tag: filters, `pivot`, `map`, each row by itself and with its `_time`. Needed where fields have different types. */
  readonly pipe?: FluxQuery;
  /** Called as a row comes, and once more for the rows that a page leaves to the next one. What it throws goes to the first `onError` below the source. */
  readonly decode: (row: FluxRow) => T;
};

/** How long it waits for time to pass. */
const POLL_MS = 1_000;

/**
 * Points of a bucket in the order of their times, read page by page. The position is a time, in nanoseconds: a resume reads no point twice and leaves none out. Points
 * that come later than `lateness` are not seen. Rows of the same time come in a fixed order, and have the same offsets at each reading. Event time
 * by `eventTime("source")`. Fails the start with `E_INFLUX_AUTH`, `E_INFLUX_BUCKET`, `E_INFLUX_CONNECTION`, `E_INFLUX_QUERY`.
 *
 * @example
 * ```ts
 * import { from } from "@millrace/core";
 * import { flux, fluxSource } from "@millrace/influx";
 * const scores = fluxSource({
 *   url: "http://127.0.0.1:8086", token: "…", org: "acme", bucket: "scores", name: "scores", start: 0, stop: Date.now(),
 *   pipe: flux`|> filter(fn: (r) => r._measurement == ${"score"} and r._field == ${"score"})`,
 *   decode: ({ id, _value }) => ({ id: String(id), score: Number(_value) }),
 * });
 * const best = await from(scores).filter(({ score }) => score > 9).collect();
 * ```
 */
export function fluxSource<T>(options: FluxSourceOptions<T>): Source<T> {
  const { name, bucket, pipe, step = "1h", pageRows = 10_000, lateness = "1m" } = options;
  const latenessMs = durationOrZeroMs(lateness, "fluxSource: lateness");
  const take = decoderOf(options.decode);
  const plan = { bucket, pipe, stepMs: durationMs(step, "fluxSource: step"), pageRows, take };
  const start = timeOf(options.start, "start");
  const stop = options.stop === undefined ? undefined : timeOf(options.stop, "stop");
  requireArgument(
    Number.isInteger(pageRows) && pageRows >= 1,
    `fluxSource: pageRows must be a whole number from 1; it is ${pageRows}`,
  );
  return {
    name,
    bounded: stop !== undefined,
    connect: async ({ clock, signal }) => {
      const requests = new InfluxRequests(options, clock);
      await new FluxPages(requests, plan).check(signal);
      return {
        subscribe: (listener) => listener.assigned(["0"], 1),
        open: async (_partition, position) => {
          const pages = new FluxPages(requests, plan);
          const horizon = (): bigint => {
            const now = clock.now();
            return stop !== undefined && stop <= timeOf(now, "time")
              ? stop
              : earlier(timeOf(now - latenessMs, "time"), stop);
          };
          const at = position === undefined ? start : BigInt(position);
          const wait = (ms: number, done: () => void): (() => void) => clock.schedule(clock.now() + ms, done);
          return new PageReader({ pages, at, horizon, stop, wait });
        },
        comparePositions: (left, right) => Number(BigInt(left) - BigInt(right)),
        health: () => requests.health(),
        close: async () => {},
      };
    },
  };
}

function timeOf(time: number | Date, what: string): bigint {
  const ms = Math.floor(Number(time));
  requireArgument(Number.isFinite(ms), `fluxSource: ${what} must be milliseconds or a Date; it is ${String(time)}`);
  return BigInt(ms) * NS_PER_MS;
}

function earlier(time: bigint, stop: bigint | undefined): bigint {
  return stop !== undefined && stop < time ? stop : time;
}

interface ReaderPlan<T> {
  readonly pages: FluxPages<T | Undecoded>;
  readonly at: bigint;
  /** Up to where it reads now. */
  readonly horizon: () => bigint;
  readonly stop: bigint | undefined;
  readonly wait: (ms: number, done: () => void) => () => void;
}

/** A row that `decode` refused. */
class Undecoded {
  readonly raw: Uint8Array;
  readonly message: string;

  constructor(row: FluxRow, error: unknown) {
    this.raw = new TextEncoder().encode(JSON.stringify(row, (_, v) => (typeof v === "bigint" ? String(v) : v)));
    this.message = messageOf(error);
  }
}

function decoderOf<T>(decode: (row: FluxRow) => T): (row: FluxRow) => T | Undecoded {
  return (row) => {
    try {
      return decode(row);
    } catch (error) {
      return new Undecoded(row, error);
    }
  };
}

class PageReader<T> implements SourceReader<T> {
  readonly #plan: ReaderPlan<T>;
  readonly #closing = new AbortController();
  #at: bigint;
  /** It has read up to the horizon: nothing more is there before some time has passed. */
  #caughtUp = false;
  #told = false;

  constructor(plan: ReaderPlan<T>) {
    this.#plan = plan;
    this.#at = plan.at;
  }

  async read(): Promise<SourceBatch<T> | undefined> {
    const { stop } = this.#plan;
    while (!this.#closing.signal.aborted && (stop === undefined || this.#at < stop)) {
      if (this.#caughtUp) await this.#pause();
      const rows = await this.#page();
      if (rows.length > 0) {
        this.#told = this.#caughtUp;
        return this.#batch(rows);
      }
      if (this.#caughtUp && !this.#told) {
        this.#told = true;
        return this.#batch([]);
      }
    }
    return undefined;
  }

  async #page(): Promise<readonly PlacedRow<T | Undecoded>[]> {
    const { pages, horizon } = this.#plan;
    const { signal } = this.#closing;
    const end = horizon();
    this.#caughtUp = this.#at >= end;
    if (this.#caughtUp || signal.aborted) return [];
    try {
      const { rows, next } = await pages.read(this.#at, end, signal);
      this.#at = next;
      this.#caughtUp = next === end;
      return rows;
    } catch (error) {
      if (signal.aborted) return [];
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
  }

  #batch(rows: readonly PlacedRow<T | Undecoded>[]): SourceBatch<T> {
    const values: T[] = [];
    const decoded: PlacedRow<unknown>[] = [];
    const times: number[] = [];
    const poison: PoisonValue[] = [];
    for (const placed of rows) {
      const { taken } = placed;
      if (taken instanceof Undecoded) {
        const { raw, message } = taken;
        poison.push({ offset: offsetOf(placed), raw, error: { code: "E_DECODE", message } });
        continue;
      }
      values.push(taken);
      decoded.push(placed);
      times.push(placed.time.ms);
    }
    const position = String(this.#at);
    return {
      values,
      times,
      position,
      caughtUp: this.#caughtUp,
      poison,
      /** Made only where somebody reads them. */
      get offsets() {
        return decoded.map(offsetOf);
      },
    };
  }

  #pause(): Promise<void> {
    const { signal } = this.#closing;
    return new Promise((resolve) => {
      const done = (): void => {
        cancel();
        signal.removeEventListener("abort", done);
        resolve();
      };
      const cancel = this.#plan.wait(POLL_MS, done);
      signal.addEventListener("abort", done);
    });
  }
}

function offsetOf({ time, place }: PlacedRow<unknown>): string {
  return `${nanosecondsOf(time)}#${place}`;
}
