import { WriteError } from "@millrace/core";
import type { FluxRow } from "./annotated-csv.js";
import { type FluxQuery, flux } from "./flux.js";
import { rowsOf } from "./flux-rows.js";
import type { InfluxRequests } from "./influx-requests.js";

export const NS_PER_MS = 1_000_000n;
const MIN_STEP_NS = 1_000n * NS_PER_MS;
const MAX_STEP_NS = 31n * 86_400_000n * NS_PER_MS;

/** A row with its time and its place: the time, and which of its rows. */
export interface PlacedRow {
  readonly row: FluxRow;
  readonly ns: bigint;
  readonly offset: string;
}

/** What is asked for. */
export interface PagePlan {
  readonly bucket: string;
  readonly pipe: FluxQuery | undefined;
  readonly stepMs: number;
  readonly pageRows: number;
}

/** Reads rows in the order of their times, about so many a query. A page ends between two times, never inside one, so that a time is enough to go on from. */
export class FluxPages {
  readonly #requests: InfluxRequests;
  readonly #plan: PagePlan;
  #stepNs: bigint;

  constructor(requests: InfluxRequests, plan: PagePlan) {
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
  ): Promise<{ readonly rows: readonly PlacedRow[]; readonly next: bigint }> {
    const { pageRows } = this.#plan;
    const to = from + this.#stepNs < end ? from + this.#stepNs : end;
    const rows = await this.#query(from, to, signal, pageRows + 1);
    if (rows.length <= pageRows) {
      if (rows.length < pageRows / 4) this.#stepNs = smaller(this.#stepNs * 2n, MAX_STEP_NS);
      return { rows: placed(rows), next: to };
    }
    this.#stepNs = larger(this.#stepNs / 2n, MIN_STEP_NS);
    // There is more, maybe of the last row's time as well: that begins the next page.
    const last = rows.at(-1)?.ns as bigint;
    const whole = rows.filter(({ ns }) => ns < last);
    if (whole.length > 0) return { rows: placed(whole), next: last };
    return { rows: placed(await this.#query(last, last + 1n, signal)), next: last + 1n };
  }

  async #query(from: bigint, to: bigint, signal: AbortSignal, limit?: number): Promise<TimedRow[]> {
    const { bucket, pipe = flux`` } = this.#plan;
    const query = flux`from(bucket: ${bucket}) |> range(start: time(v: ${from}), stop: time(v: ${to})) ${pipe} |> drop(columns: ["_start", "_stop"]) |> group() |> sort(columns: ["_time"])`;
    const rows: TimedRow[] = [];
    try {
      // Ends the answer here: with limit() behind sort() the server takes seconds for what it gives in milliseconds without it.
      for await (const row of rowsOf(this.#requests, query, signal))
        if (rows.push({ row, ns: nanosecondsOf(row._time), text: undefined }) === limit) break;
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

interface TimedRow {
  readonly row: FluxRow;
  readonly ns: bigint;
  text: string | undefined;
}

/** The server sorts by time alone: rows of one time by what is in them. */
function placed(rows: TimedRow[]): PlacedRow[] {
  rows.sort((left, right) =>
    left.ns < right.ns ? -1 : left.ns > right.ns ? 1 : textOf(left) < textOf(right) ? -1 : 1,
  );
  let place = 0;
  return rows.map(({ row, ns }, i) => {
    place = rows[i - 1]?.ns === ns ? place + 1 : 0;
    return { row, ns, offset: `${ns}#${place}` };
  });
}

function textOf(timed: TimedRow): string {
  timed.text ??= Object.entries(timed.row)
    .map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(String(value))}`)
    .join();
  return timed.text;
}

/** Of RFC 3339 text with up to nine decimals. */
function nanosecondsOf(time: unknown): bigint {
  const [, seconds, decimals = ""] = /^(.*?)(?:\.(\d{1,9}))?Z$/.exec(String(time)) ?? [];
  const ms = Date.parse(`${seconds}Z`);
  if (seconds === undefined || Number.isNaN(ms))
    throw new WriteError(
      "fatal",
      "E_INFLUX_QUERY",
      `fluxSource: a row has the _time ${String(time)}: pipe must keep _time`,
    );
  return BigInt(ms) * NS_PER_MS + BigInt(decimals.padEnd(9, "0"));
}

function smaller(left: bigint, right: bigint): bigint {
  return left < right ? left : right;
}

function larger(left: bigint, right: bigint): bigint {
  return left > right ? left : right;
}
