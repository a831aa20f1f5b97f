import { type FluxParameterLike, flux, fluxDateTime, fluxExpression } from "@influxdata/influxdb-client";
import {
  type Duration,
  durationMs,
  durationOrZeroMs,
  type Source,
  type SourceBatch,
  type SourceReader,
} from "@millrace/core";
import { type FluxRow, fluxRows } from "./flux.js";
import { clientOf, type InfluxConnection, probe } from "./influx-client.js";

/** Options of {@link fluxSource}. */
export type FluxSourceOptions<T> = InfluxConnection & {
  readonly bucket: string;
  /** Finds its positions in checkpoints. */
  readonly name: string;
  /** From here on, milliseconds or Date. */
  readonly start: number | Date;
  /** Up to here: the source is bounded and completes. Without it, it follows the clock. */
  readonly stop?: number | Date;
  /** How much time one query reads (1h). Grown and shrunk by how many rows it gave. */
  readonly step?: Duration;
  /** How far behind the clock it stays, for points that come late (1m). */
  readonly lateness?: Duration;
  /** Rows one query should give, at most about (10,000). */
  readonly targetRows?: number;
  /** What follows `range()`, made by the `flux` tag, such as ``flux`|> filter(fn: (r) => r._measurement == "score")` ``. */
  readonly pipe?: FluxParameterLike;
  readonly decode: (row: FluxRow) => T;
};

const MIN_STEP_MS = 1_000;
const MAX_STEP_MS = 31 * 86_400_000;

/**
 * Points of a bucket in time order, read window by window. The position is the end of the last window read, so a resume reads no point twice. Points that
 * come later than `lateness` are not seen. Rows of one time come in a fixed order.
 */
export function fluxSource<T>(options: FluxSourceOptions<T>): Source<T> {
  const { name } = options;
  durationMs(options.step ?? "1h", "fluxSource: step");
  durationOrZeroMs(options.lateness ?? "1m", "fluxSource: lateness");
  return {
    name,
    bounded: options.stop !== undefined,
    connect: async (context) => {
      const client = clientOf(options);
      return {
        subscribe: (listener) => listener.assigned(["0"], 1),
        open: async (_partition, position) =>
          new WindowReader(
            options,
            position === undefined ? Number(options.start) : Number(position),
            context.clock,
            (from, to) => readWindow(options, from, to),
          ),
        comparePositions: (left, right) => Number(left) - Number(right),
        health: () => probe(client),
        close: async () => {},
      };
    },
  };
}

async function readWindow<T>(options: FluxSourceOptions<T>, from: number, to: number): Promise<FluxRow[]> {
  const client = clientOf(options);
  const range = flux`from(bucket: ${options.bucket}) |> range(start: ${fluxDateTime(new Date(from).toISOString())}, stop: ${fluxDateTime(new Date(to).toISOString())})`;
  const query = flux`${fluxExpression(String(range))} ${options.pipe ?? fluxExpression("")} |> group() |> sort(columns: ["_time"])`;
  const rows: FluxRow[] = [];
  for await (const row of fluxRows(client, options.org, query)) rows.push(row);
  const key = (row: FluxRow): string => JSON.stringify([row._time, row]);
  return rows
    .map((row) => [key(row), row] as const)
    .sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0))
    .map(([, row]) => row);
}

class WindowReader<T> implements SourceReader<T> {
  readonly #options: FluxSourceOptions<T>;
  readonly #clock: { now(): number; schedule(atMs: number, fn: () => void): () => void };
  readonly #query: (from: number, to: number) => Promise<FluxRow[]>;
  readonly #latenessMs: number;
  readonly #targetRows: number;
  #at: number;
  #stepMs: number;
  #closed = false;
  #wake: () => void = () => {};

  constructor(
    options: FluxSourceOptions<T>,
    at: number,
    clock: { now(): number; schedule(atMs: number, fn: () => void): () => void },
    query: (from: number, to: number) => Promise<FluxRow[]>,
  ) {
    this.#options = options;
    this.#at = at;
    this.#clock = clock;
    this.#query = query;
    this.#stepMs = durationMs(options.step ?? "1h", "fluxSource: step");
    this.#latenessMs = durationOrZeroMs(options.lateness ?? "1m", "fluxSource: lateness");
    this.#targetRows = options.targetRows ?? 10_000;
  }

  async read(): Promise<SourceBatch<T> | undefined> {
    const stop = this.#options.stop === undefined ? Number.POSITIVE_INFINITY : Number(this.#options.stop);
    while (!this.#closed) {
      if (this.#at >= stop) return undefined;
      const horizon = Math.min(stop, this.#options.stop === undefined ? this.#clock.now() - this.#latenessMs : stop);
      if (this.#at >= horizon) {
        await this.#pause(Math.min(this.#stepMs, 1_000));
        continue;
      }
      const to = Math.min(horizon, this.#at + this.#stepMs);
      const rows = await this.#query(this.#at, to);
      this.#adapt(rows.length);
      return this.#batch(rows, to, to === horizon && stop === Number.POSITIVE_INFINITY);
    }
    return undefined;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake();
  }

  #batch(rows: readonly FluxRow[], to: number, caughtUp: boolean): SourceBatch<T> {
    const from = this.#at;
    this.#at = to;
    return {
      values: rows.map((row) => this.#options.decode(row)),
      offsets: rows.map((_, i) => `${from}#${i}`),
      times: rows.map((row) => Date.parse(String(row._time))),
      position: String(to),
      caughtUp,
    };
  }

  /** Half or twice the time for the next query, where this one gave far too much or too little. */
  #adapt(rows: number): void {
    if (rows > this.#targetRows) this.#stepMs = Math.max(MIN_STEP_MS, this.#stepMs / 2);
    else if (rows < this.#targetRows / 4) this.#stepMs = Math.min(MAX_STEP_MS, this.#stepMs * 2);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.schedule(this.#clock.now() + ms, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}
