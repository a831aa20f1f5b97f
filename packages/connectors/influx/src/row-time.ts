import { WriteError } from "@millrace/core";

export const NS_PER_MS = 1_000_000n;
const NS_A_MS = Number(NS_PER_MS);
const NS_DIGITS = 9;
const ZERO = 48;
const SECOND_TEXT = "2026-11-26T00:00:00".length;

/** A time to the nanosecond in two numbers: bigints are dear where there is one for each row. */
export interface RowTime {
  readonly ms: number;
  /** Nanoseconds within the millisecond. */
  readonly within: number;
}

/** Nanoseconds since 1970. */
export function nanosecondsOf({ ms, within }: RowTime): bigint {
  return BigInt(ms) * NS_PER_MS + BigInt(within);
}

/** Below zero where `left` is the earlier. */
export function compareTimes(left: RowTime, right: RowTime): number {
  return left.ms - right.ms || left.within - right.within;
}

/** Reads the RFC 3339 texts of rows, with up to nine decimals. Many rows are of one second, which is read once. */
export class RowTimes {
  #second = "";
  #ms = 0;

  /** Throws `E_INFLUX_QUERY`: the row has no time. */
  read(time: unknown): RowTime {
    const text = String(time);
    const second = text.slice(0, SECOND_TEXT);
    if (second !== this.#second) {
      this.#ms = Date.parse(`${second}Z`);
      this.#second = second;
    }
    const ns = nsWithin(text);
    if (Number.isNaN(this.#ms) || ns === undefined)
      throw new WriteError("fatal", "E_INFLUX_QUERY", `fluxSource: a row has the _time ${text}: pipe must keep _time`);
    const ms = Math.floor(ns / NS_A_MS);
    return { ms: this.#ms + ms, within: ns - ms * NS_A_MS };
  }
}

/** Nanoseconds within the second of a text; undefined where it is none. */
function nsWithin(text: string): number | undefined {
  const end = text.length - 1;
  if (text[end] !== "Z") return undefined;
  if (end === SECOND_TEXT) return 0;
  const digits = end - SECOND_TEXT - 1;
  if (text[SECOND_TEXT] !== "." || digits < 1 || digits > NS_DIGITS) return undefined;
  let ns = 0;
  for (let at = SECOND_TEXT + 1; at < end; at++) {
    const digit = text.charCodeAt(at) - ZERO;
    if (digit < 0 || digit > 9) return undefined;
    ns = ns * 10 + digit;
  }
  return ns * 10 ** (NS_DIGITS - digits);
}
