import { StreamError } from "./errors.js";

type Unit = "ms" | "s" | "m" | "h" | "d";

/** Milliseconds, or digits with a unit: `250`, `"10s"`, `"1h"`. Negative, exponent, hex and zero (but for bounds and lateness) are refused at the call. */
export type Duration = number | `${number}${Unit}`;

/** A duration that may point backwards: the bounds of an interval join. */
export type SignedDuration = Duration | `-${number}${Unit}`;

const UNIT_MS: Readonly<Record<Unit, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const PATTERN = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;

/**
 * Milliseconds of a duration above zero. `what` names the option in the error. Throws `E_DURATION`.
 *
 * @example
 * ```ts
 * import { durationMs } from "@millrace/core";
 * durationMs("10s", "mySource: every"); // 10000
 * ```
 */
export function durationMs(duration: Duration, what: string): number {
  const ms = parse(duration, what);
  if (ms <= 0) throw refused(duration, what, "must be more than zero");
  return ms;
}

/**
 * Milliseconds of a duration that may be zero: bounds and lateness. `what` names the option in the error. Throws `E_DURATION`.
 *
 * @example
 * ```ts
 * import { durationOrZeroMs } from "@millrace/core";
 * durationOrZeroMs(0, "mySink: allowedLateness"); // 0
 * ```
 */
export function durationOrZeroMs(duration: Duration, what: string): number {
  return parse(duration, what);
}

/** Milliseconds of a duration that may be negative. Throws `E_DURATION`. */
export function signedDurationMs(duration: SignedDuration, what: string): number {
  if (typeof duration === "number") return duration < 0 ? -parse(-duration, what) : parse(duration, what);
  return duration.startsWith("-") ? -parse(duration.slice(1) as Duration, what) : parse(duration as Duration, what);
}

function parse(duration: Duration, what: string): number {
  if (typeof duration === "number") {
    if (!Number.isFinite(duration) || duration < 0)
      throw refused(duration, what, "must be a finite number of milliseconds, not negative");
    return duration;
  }
  const match = PATTERN.exec(duration);
  if (match === null)
    throw refused(duration, what, 'must be milliseconds or digits with a unit, such as 250, "10s" or "1h"');
  return Number(match[1]) * UNIT_MS[match[2] as Unit];
}

function refused(duration: unknown, what: string, why: string): StreamError {
  return new StreamError("E_DURATION", `${what} ${why}; it is ${JSON.stringify(duration)}`);
}
