import type { Duration } from "./duration.js";
import { durationMs } from "./duration.js";
import type { Origin } from "./element.js";
import { requireArgument } from "./errors.js";

/** How values are grouped: at most `size` a batch; with `within`, a part batch leaves that long after its first value. */
export interface BatchPolicy {
  readonly size: number;
  readonly within?: Duration;
}

/** How failures are repeated: exponential with full jitter from `delay` (100 ms) up to `maxDelay` (10 s), at most `attempts` tries in all, within `maxElapsed`. */
export interface RetryPolicy {
  readonly attempts: number;
  readonly delay?: Duration;
  readonly maxDelay?: Duration;
  readonly maxElapsed?: Duration;
}

/**
 * What kind of failure it is, which decides what the engine does: `transient`, `throttled` and `conflict` are retried;
 * `unknown-outcome` is retried only where a second write changes nothing; `poison` goes to `onError`; `fatal` ends the run.
 */
export type ErrorClass = "transient" | "throttled" | "conflict" | "unknown-outcome" | "poison" | "fatal";

/** A value that could not be processed, with the cause: what `onError` targets get. */
export interface DeadLetter<out T> {
  readonly value: T;
  /** The bytes, when it could not even be decoded. */
  readonly raw?: Uint8Array;
  readonly error: { readonly class: ErrorClass; readonly code: string; readonly message: string };
  readonly operator: string;
  readonly origin: Origin | undefined;
  readonly attempts: number;
  /** Milliseconds since the epoch, by the run's clock. */
  readonly firstSeen: number;
  readonly topology: string;
}

/** What a user's async function gets: a signal that ends with the call's timeout or the run, and the attempt, from 1. */
export interface CallContext {
  readonly signal: AbortSignal;
  readonly attempt: number;
}

/** A retry policy with every default filled in, in milliseconds. */
export interface RetryPlan {
  readonly attempts: number;
  readonly delayMs: number;
  readonly maxDelayMs: number;
  readonly maxElapsedMs: number;
}

/** Fills in the defaults: 1 attempt for user functions (no retry), 100 ms, 10 s, 5 minutes. */
export function planRetry(policy: RetryPolicy | undefined, what: string, defaultAttempts: number): RetryPlan {
  const attempts = policy?.attempts ?? defaultAttempts;
  requireArgument(
    Number.isInteger(attempts) && attempts >= 1,
    `${what}: retry.attempts must be a whole number from 1; it is ${attempts}`,
  );
  return {
    attempts,
    delayMs: durationMs(policy?.delay ?? 100, `${what}: retry.delay`),
    maxDelayMs: durationMs(policy?.maxDelay ?? "10s", `${what}: retry.maxDelay`),
    maxElapsedMs: durationMs(policy?.maxElapsed ?? "5m", `${what}: retry.maxElapsed`),
  };
}

/** Milliseconds to wait before the next attempt (`attempt` is the one that failed, from 1): exponential with full jitter. */
export function backoffMs(plan: RetryPlan, attempt: number, random: () => number): number {
  return Math.min(plan.maxDelayMs, plan.delayMs * 2 ** (attempt - 1)) * random();
}
