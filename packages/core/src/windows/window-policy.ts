import { durationMs } from "../duration.js";
import { requireArgument } from "../errors.js";
import { type WindowPolicy, type WindowShape, wholeMs, wholeOrZeroMs } from "./window.js";

/** When windows fire before their end. */
export type EarlyPlan =
  | { readonly by: "count"; readonly count: number }
  | { readonly by: "event" | "processing"; readonly everyMs: number };

/** A window policy with every default filled in. */
export interface FiringPlan {
  readonly latenessMs: number;
  /** Fires once, when no more values can be added. */
  readonly final: boolean;
  readonly early: EarlyPlan | undefined;
  /** A result forgets what it held. */
  readonly discarding: boolean;
}

/** Checks a policy against the windows it is for. Throws `E_ARGUMENT`, `E_DURATION`. */
export function planFiring(policy: WindowPolicy, shape: WindowShape, what: string): FiringPlan {
  const { emit = "each", firings = "accumulating" } = policy;
  requireArgument(
    emit === "each" || emit === "final",
    `${what}: emit must be "each" or "final"; it is ${JSON.stringify(emit)}`,
  );
  requireArgument(
    firings === "accumulating" || firings === "discarding",
    `${what}: firings must be "accumulating" or "discarding"; it is ${JSON.stringify(firings)}`,
  );
  const latenessMs = wholeOrZeroMs(policy.allowedLateness ?? 0, `${what}: allowedLateness`);
  const eventTime = shape.kind !== "count" && shape.clock === "event";
  requireArgument(
    latenessMs === 0 || eventTime,
    `${what}: allowedLateness is for windows by event time; ${shape.kind === "count" ? "a count window" : "one by processing time"} has no late values`,
  );
  const early = planEarly(policy.early, shape, what);
  requireArgument(
    early === undefined || emit === "each",
    `${what}: emit: "final" gives one result a window, so it can not have early ones`,
  );
  return { latenessMs, final: emit === "final", early, discarding: firings === "discarding" };
}

function planEarly(early: WindowPolicy["early"], shape: WindowShape, what: string): EarlyPlan | undefined {
  if (early === undefined) return undefined;
  requireArgument(
    shape.kind !== "count",
    `${what}: a count window gives its results by number; take a smaller size instead of early ones`,
  );
  if ("count" in early) {
    requireArgument(
      Number.isInteger(early.count) && early.count >= 1,
      `${what}: early.count must be a whole number from 1; it is ${early.count}`,
    );
    return { by: "count", count: early.count };
  }
  const { clock = "processing" } = early;
  requireArgument(
    clock === "event" || clock === "processing",
    `${what}: early.clock must be "event" or "processing"; it is ${JSON.stringify(clock)}`,
  );
  requireArgument(
    clock === "processing" || shape.clock === "event",
    `${what}: early.clock "event" is for windows by event time, and this one is by processing time`,
  );
  const everyMs =
    clock === "event" ? wholeMs(early.every, `${what}: early.every`) : durationMs(early.every, `${what}: early.every`);
  return { by: clock, everyMs };
}

/** Whether a window can give more than one result that hold the same values. */
export function refires(plan: FiringPlan): boolean {
  return !plan.final && !plan.discarding && (plan.latenessMs > 0 || plan.early !== undefined);
}
