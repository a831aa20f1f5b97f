import { WriteError } from "@millrace/core";
import type { FluxRow } from "./annotated-csv.js";
import { type FluxQuery, flux } from "./flux.js";
import { piecesOf } from "./flux-rows.js";
import type { InfluxRequests } from "./influx-requests.js";
import { compareTimes, NS_PER_MS, nanosecondsOf, type RowTime, RowTimes } from "./row-time.js";

const MIN_STEP_NS = 1_000n * NS_PER_MS;
const MAX_STEP_NS = 31n * 86_400_000n * NS_PER_MS;

/** What was taken of a row, with its time, and which of the rows of that time it is. */
export interface PlacedRow<T> {
  readonly taken: T;
  readonly time: RowTime;
  readonly place: number;
}

/** What is asked for. */
export interface PagePlan<T> {
  readonly bucket: string;
  readonly pipe: FluxQuery | undefined;
  readonly stepMs: number;
  readonly pageRows: number;
  /** Called as a row comes, so that a page holds what is made of its rows and not the rows; more than once for a row that is left to the next page. */
  readonly take: (row: FluxRow) => T;
}

/** Reads rows in the order of their times, about so many a query. A page ends between two times, never inside one, so that a time is enough to go on from. */
export class FluxPages<T> {
  readonly #requests: InfluxRequests;
  readonly #plan: PagePlan<T>;
  readonly #times = new RowTimes();
  #stepNs: bigint;

  constructor(requests: InfluxRequests, plan: PagePlan<T>) {
    this.#requests = requests;
    this.#plan = plan;
    this.#stepNs = BigInt(plan.stepMs) * NS_PER_MS;
  }

  /** Asks for no time at all: a refused token, a missing bucket and a query that is wrong show at once. */
  async check(signal: AbortSignal): Promise<void> {
    await this.#query(0n, 1n, signal);
  }

  /** Rows from `from`, up to not including `next`, which is `end` at most. */
  async read(
    from: bigint,
    end: bigint,
    signal: AbortSignal,
  ): Promise<{ readonly rows: readonly PlacedRow<T>[]; readonly next: bigint }> {
    const { pageRows } = this.#plan;
    const to = from + this.#stepNs < end ? from + this.#stepNs : end;
    const rows = await this.#query(from, to, signal, pageRows + 1);
    if (rows.length <= pageRows) {
      if (rows.length < pageRows / 4) this.#stepNs = smaller(this.#stepNs * 2n, MAX_STEP_NS);
      return { rows: placed(rows), next: to };
    }
    this.#stepNs = larger(this.#stepNs / 2n, MIN_STEP_NS);
    // There is more, maybe of the last row's time as well: that begins the next page.
    const { time } = rows.at(-1) as TimedRow<T>;
    const last = nanosecondsOf(time);
    const whole = rows.filter((row) => compareTimes(row.time, time) < 0);
    if (whole.length > 0) return { rows: placed(whole), next: last };
    return { rows: placed(await this.#query(last, last + 1n, signal)), next: last + 1n };
  }

  async #query(from: bigint, to: bigint, signal: AbortSignal, limit?: number): Promise<TimedRow<T>[]> {
    const { bucket, pipe = flux``, take } = this.#plan;
    const query = flux`from(bucket: ${bucket}) |> range(start: time(v: ${from}), stop: time(v: ${to})) ${pipe} |> drop(columns: ["_start", "_stop"]) |> group() |> sort(columns: ["_time"])`;
    const rows: TimedRow<T>[] = [];
    let last: TimedRow<T> | undefined;
    let lastRow: FluxRow = {};
    try {
      // Ends the answer here: with limit() behind sort() the server takes seconds for what it gives in milliseconds without it.
      for await (const piece of piecesOf(this.#requests, query, signal))
        for (const row of piece) {
          const timed: TimedRow<T> = { taken: take(row), time: this.#times.read(row._time), text: "" };
          if (last !== undefined && compareTimes(last.time, timed.time) === 0) {
            last.text ||= textOf(lastRow);
            timed.text = textOf(row);
          }
          last = timed;
          lastRow = row;
          if (rows.push(timed) === limit) return rows;
        }
    } catch (error) {
      throw explained(error);
    }
    return rows;
  }
}

/** What the server says where fields of different types meet in one order. Of some types it panics. */
function explained(error: unknown): unknown {
  if (!(error instanceof WriteError && /schema collision|interface conversion/.test(error.message))) return error;
  const text = `${error.message}: fields of different types need a pipe that takes those of one type, or pivots`;
  return new WriteError("fatal", "E_INFLUX_QUERY", text, { cause: error });
}

interface TimedRow<T> {
  readonly taken: T;
  readonly time: RowTime;
  /** What is in the row, where others have its time. */
  text: string;
}

/** The server sorts by time alone: rows of one time by what is in them. */
function placed<T>(rows: TimedRow<T>[]): PlacedRow<T>[] {
  rows.sort((left, right) => compareTimes(left.time, right.time) || (left.text < right.text ? -1 : 1));
  let place = 0;
  return rows.map(({ taken, time }, i) => {
    const before = rows[i - 1];
    place = before !== undefined && compareTimes(before.time, time) === 0 ? place + 1 : 0;
    return { taken, time, place };
  });
}

function textOf(row: FluxRow): string {
  return Object.entries(row)
    .map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(String(value))}`)
    .join();
}

function smaller(left: bigint, right: bigint): bigint {
  return left < right ? left : right;
}

function larger(left: bigint, right: bigint): bigint {
  return left > right ? left : right;
}
