/**
 * Every code a {@link StreamError} of the library can have. Connectors add codes of their own, which begin with their name
 * (`E_SQLITE_…`). The guide "Errors and dead letters" explains each one.
 */
export type ErrorCode =
  | "E_ARGUMENT"
  | "E_DURATION"
  | "E_NAME"
  | "E_DUPLICATE_NAME"
  | "E_NO_EVENT_TIME"
  | "E_EVENT_TIME_PLACE"
  | "E_REFIRED_INPUT"
  | "E_ON_ERROR_CONFLICT"
  | "E_UNNAMED_STATE"
  | "E_NO_STORE"
  | "E_DELIVERY"
  | "E_ONE_SHOT"
  | "E_OPERATOR"
  | "E_DECODE"
  | "E_TIME"
  | "E_TIMEOUT"
  | "E_SINK"
  | "E_SINK_OUTCOMES"
  | "E_SOURCE"
  | "E_LOOKUP"
  | "E_STATE_CODEC"
  | "E_STATE_LIMIT"
  | "E_STATE_UNKNOWN"
  | "E_STATE_MISSING"
  | "E_STATE_STALE"
  | "E_TOPOLOGY_CHANGED"
  | "E_PARTITION_COUNTS"
  | "E_NOT_PARTITIONED"
  | "E_CHECKPOINT_STUCK"
  | "E_CHECKPOINT_CORRUPT"
  | "E_CHECKPOINT_STORE"
  | "E_LEASE_HELD"
  | "E_FENCED"
  | "E_STALLED"
  | "E_ABORTED"
  | "E_STOP_TIMEOUT"
  | "E_OVERFLOW"
  | "E_SIMULATION"
  | "E_INTERNAL";

/**
 * The one error class of the library: a stable `code`, a message that says what is wrong, where and what to do, the `operator`
 * where one is at fault, and the `cause` below it.
 *
 * @example
 * ```ts
 * import { StreamError, from } from "@millrace/core";
 * try {
 *   await from([1]).map((n) => { if (n > 0) throw new Error("no"); return n; }).collect();
 * } catch (error) {
 *   if (error instanceof StreamError && error.code === "E_OPERATOR") console.error(error.operator, error.cause);
 * }
 * ```
 */
export class StreamError extends Error {
  override readonly name = "StreamError";
  readonly code: ErrorCode | `E_${string}_${string}`;
  readonly operator: string | undefined;

  constructor(
    code: ErrorCode | `E_${string}_${string}`,
    message: string,
    details: { readonly cause?: unknown; readonly operator?: string } = {},
  ) {
    super(`${code}: ${message}`, "cause" in details ? { cause: details.cause } : undefined);
    this.code = code;
    this.operator = details.operator;
  }
}

/**
 * The text of anything that was thrown.
 *
 * @example
 * ```ts
 * import { messageOf } from "@millrace/core";
 * messageOf(new Error("no")); // "no"
 * ```
 */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A value as short text for an error message: at most 200 characters, never throws. */
export function preview(value: unknown): string {
  let text: string;
  try {
    text =
      typeof value === "string"
        ? JSON.stringify(value)
        : (JSON.stringify(value, (_, v) => (typeof v === "bigint" ? `${v}n` : v)) ?? String(value));
  } catch {
    text = Object.prototype.toString.call(value);
  }
  return text.length <= 200 ? text : `${text.slice(0, 197)}...`;
}

/** Holds what must hold if our own code is right; anything else is a bug in the library. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new StreamError("E_INTERNAL", `${message} (a bug in Millrace: please report it)`);
}

/**
 * Refuses an argument at the call. Throws `E_ARGUMENT`.
 *
 * @example
 * ```ts
 * import { requireArgument } from "@millrace/core";
 * function table(rows: number): void {
 *   requireArgument(rows >= 1, `table: rows must be 1 or more; it is ${rows}`);
 * }
 * ```
 */
export function requireArgument(condition: unknown, message: string): asserts condition {
  if (!condition) throw new StreamError("E_ARGUMENT", message);
}

/** Throws `E_ARGUMENT` unless `fn` is a function: where it was given, not at the first value. */
export function requireFunction(fn: unknown, where: string): void {
  requireArgument(
    typeof fn === "function",
    `${where} takes a function; it was given ${fn === null ? "null" : typeof fn}`,
  );
}

/** Refuses a count that is not a whole number from `least`. */
export function requireCount(count: number, least: number, what: string): void {
  requireArgument(
    Number.isInteger(count) && count >= least,
    `${what} must be a whole number from ${least}; it is ${count}`,
  );
}
