import { type Origin, WriteError } from "@millrace/core";

/** What travels beside a value, for those who make a version of it. */
export interface VersionContext {
  readonly time: number | undefined;
  readonly origin: Origin | undefined;
}

/** Values of one position are told apart by so many versions. */
const PER_POSITION = 4_096n;
const BITS = 12;
const MAX_VERSION = 2n ** 63n - 1n;

/**
 * A version that grows with the place in the source: the offset, and the path of indices below it. For tables that only this topology
 * writes, and whose rows come from one partition each. Throws what is fatal: with this source no value will ever have one.
 */
export function positionVersion(origin: Origin | undefined): bigint {
  if (origin === undefined)
    throw new WriteError(
      "fatal",
      "E_SCYLLA_VERSION",
      'version "position" needs values with an origin: give version as a function, or leave it out',
    );
  const { offset, index } = origin;
  const text = String(offset);
  if (!/^\d+$/.test(text))
    throw new WriteError(
      "fatal",
      "E_SCYLLA_VERSION",
      `version "position" needs offsets that are numbers; source "${origin.source}" has ${JSON.stringify(text)}. Give version as a function`,
    );
  // Version 0 is left out: a write at it would lose against nothing, and look like one without a time.
  return BigInt(text) * PER_POSITION + pathNumber(index, origin.firing) + 1n;
}

/** The path as a number below 4,096, in the order of the path. */
function pathNumber(index: string, firing: number | undefined): bigint {
  const parts = index === "" ? [] : index.split(".").map(Number);
  if (firing !== undefined) parts.push(firing);
  if (parts.length === 0) return 0n;
  const bits = Math.floor(BITS / parts.length);
  let number = 0;
  for (const part of parts) {
    if (bits === 0 || part >= 2 ** bits - 1)
      throw new WriteError(
        "poison",
        "E_SCYLLA_VERSION",
        `version "position" has no room for the ${part + 1}th value of one position (index ${index}): give version as a function`,
      );
    number = number * 2 ** bits + part;
  }
  return BigInt(number);
}

/** A version as the server takes it. Throws where it is none. */
export function checkedVersion(version: number | bigint): bigint {
  if (typeof version === "number" && !Number.isSafeInteger(version))
    throw new WriteError(
      "poison",
      "E_SCYLLA_VERSION",
      `a version must be a whole number, above 2^53 a bigint; it is ${version}`,
    );
  const big = typeof version === "bigint" || typeof version === "number" ? BigInt(version) : undefined;
  if (big === undefined || big > MAX_VERSION || big < -MAX_VERSION)
    throw new WriteError(
      "poison",
      "E_SCYLLA_VERSION",
      `a version must be a number or bigint of 64 bits; it is ${String(version)}`,
    );
  return big;
}

/**
 * The version of an event time, for `version: (value, { time }) => timeVersion(time)`: microseconds, as everybody else writes who uses
 * no version. Milliseconds would be older than all of theirs, and lose. `tie` (0 to 999) orders what happened in one millisecond.
 *
 * @example
 * ```ts
 * import { timeVersion } from "@millrace/scylla";
 * timeVersion(1_764_000_000_000, 7); // 1764000000000007n
 * ```
 */
export function timeVersion(timeMs: number | Date | undefined, tie = 0): bigint {
  const ms = timeMs instanceof Date ? timeMs.getTime() : timeMs;
  if (ms === undefined || !Number.isSafeInteger(ms) || !Number.isInteger(tie) || tie < 0 || tie > 999)
    throw new WriteError(
      "poison",
      "E_SCYLLA_VERSION",
      `timeVersion() takes whole milliseconds and a tie from 0 to 999; it got ${ms} and ${tie}`,
    );
  return BigInt(ms) * 1_000n + BigInt(tie);
}

/** Below it no time of ours in microseconds, and above it none in milliseconds: 1973, or 5138. */
const MICROSECONDS = 100_000_000_000_000n;

/**
 * For tables whose compaction sorts by write time: the same versions, and `warn` is called once, when one comes that can be no time in
 * microseconds.
 */
export function watchedVersion<T>(
  version: (value: T, context: VersionContext) => number | bigint,
  warn: () => void,
): (value: T, context: VersionContext) => number | bigint {
  let warned = false;
  return (value, context) => {
    const made = version(value, context);
    if (!warned && made < MICROSECONDS) {
      warned = true;
      warn();
    }
    return made;
  };
}

/** Microseconds that grow with every call, so that of two writes of a row the later one wins, even within one request. */
export class GrowingTime {
  readonly #now: () => number;
  #last = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** A number, which is exact up to the year 2255: a bigint for each row would be felt. */
  next(): number {
    const now = Math.floor(this.#now()) * 1_000;
    this.#last = now > this.#last ? now : this.#last + 1;
    return this.#last;
  }
}
