import type { Duration } from "../duration.js";
import { durationMs } from "../duration.js";
import { requireArgument } from "../errors.js";

/**
 * How long a key's state lives: `after` its last write (default), its creation, or its last read or write; by event time.
 *
 * @example
 * ```ts
 * import { valueState } from "@millrace/core";
 * const session = valueState<string>({ ttl: { after: "30m", from: "read" } });
 * ```
 */
export interface TtlOptions {
  readonly after: Duration;
  readonly from?: "write" | "create" | "read";
}

/** A time to live with its defaults filled in. */
export interface TtlPlan {
  readonly afterMs: number;
  readonly from: "write" | "create" | "read";
}

/** Fills in the defaults. `what` names the operator in the error. Throws `E_DURATION`, `E_ARGUMENT`. */
export function planTtl(ttl: Duration | TtlOptions | undefined, what: string): TtlPlan | undefined {
  if (ttl === undefined) return undefined;
  const { after, from = "write" } = typeof ttl === "object" ? ttl : { after: ttl };
  requireArgument(
    from === "write" || from === "create" || from === "read",
    `${what}: ttl.from must be "write", "create" or "read"; it is ${JSON.stringify(from)}`,
  );
  return { afterMs: durationMs(after, `${what}: ttl`), from };
}

/**
 * The time by which a value reads and writes state: its own, or where it is marked (it came at or behind its partition's watermark)
 * not less than that watermark. Whatever the sweep has freed by then is expired for the value too, so results do not depend on when
 * the sweep ran. NaN: the value has no time, and nothing expires for it.
 */
export function stateTime(times: readonly number[] | null, marks: readonly number[] | null, place: number): number {
  const time = times?.[place];
  if (time === undefined) return Number.NaN;
  const mark = marks?.[place];
  return mark !== undefined && mark > time ? mark : time;
}
