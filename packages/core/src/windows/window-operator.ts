import { requireArgument } from "../errors.js";
import type { OperatorSpec, Stage, StageContext } from "../stage.js";
import { AlignedWindows } from "./aligned-windows.js";
import { contentOf, type WindowContent } from "./content.js";
import { CountWindows } from "./count-windows.js";
import { numericContent } from "./numeric-content.js";
import { PaneWindows } from "./pane-windows.js";
import { SessionWindows } from "./session-windows.js";
import { shapeOf, type WindowPolicy, type WindowShape, type WindowSpec } from "./window.js";
import { type FiringPlan, planFiring, refires } from "./window-policy.js";
import type { WindowSetup } from "./window-setup.js";

export type { WindowContent } from "./content.js";

/**
 * Values by window, and a result for each: `{ key, window, value, timing, firing }` with event time `end − 1`.
 *
 * - Emits: at the watermark `end − 1` (or the clock's `end`), in ascending end, keys in the order they were first seen; early and again as
 *   `policy` says.
 * - Late: a value too late for all its windows goes to `LATE` once; one too late for some counts as `latePartial`.
 * - State: an accumulator a key and window (or pane), freed at `end − 1 + allowedLateness`.
 *
 * Throws `E_ARGUMENT` or `E_DURATION` for what can not be right.
 */
export function window<T>(
  name: string,
  spec: WindowSpec,
  policy: WindowPolicy,
  content: WindowContent<T, unknown>,
  keyed: boolean,
): OperatorSpec {
  const what = `window "${name}"`;
  const shape = shapeOf(spec, what);
  const plan = planFiring(policy, shape, what);
  return {
    ...describe(shape, plan, keyed),
    kind: "window",
    name,
    make: stageMaker(
      {
        where: name,
        named: true,
        keyed,
        clock: clockOf(shape),
        content: contentOf(content, what),
        numbers: numericContent(content),
        plan,
        shape: "windowed",
      },
      shape,
      what,
    ),
  };
}

/** What the planner is told of an operator with windows. */
export function describe(shape: WindowShape, plan: FiringPlan, keyed: boolean): Omit<OperatorSpec, "kind" | "make"> {
  const clock = clockOf(shape);
  const lowers = lowering(shape, plan);
  return {
    holdsState: true,
    global: !keyed,
    ...(clock === "event" ? { eventTime: "needs" as const } : {}),
    reads: { times: clock !== "processing", keys: keyed, marks: clock === "event" },
    origins: keyed || clock !== "count" ? "derive" : "none",
    refires: refires(plan),
    aggregates: true,
    sequential: clock === "count",
    ...(lowers === undefined ? {} : { lowers }),
  };
}

/** How to make the stage for windows of this shape. Throws `E_ARGUMENT` where they merge and the content can not. */
export function stageMaker<T, A>(
  setup: WindowSetup<T, A>,
  shape: WindowShape,
  what: string,
): (context: StageContext) => Stage {
  const { merge } = setup.content;
  switch (shape.kind) {
    case "session":
      requireArgument(merge !== undefined, `${what}: sessions join, so fold() needs merge as its third argument`);
      return (context) => new SessionWindows(setup, shape.gapMs, merge, context);
    case "count":
      return (context) => new CountWindows(setup, shape.size, shape.step, context);
    default:
      if (
        merge !== undefined &&
        (setup.numbers !== undefined || shape.slideMs < shape.sizeMs) &&
        sharesPanes(setup.plan)
      )
        return (context) => new PaneWindows(setup, shape, merge, context);
      return (context) => new AlignedWindows(setup, shape, context);
  }
}

export function clockOf(shape: WindowShape): WindowSetup<unknown, unknown>["clock"] {
  return shape.kind === "count" ? "count" : shape.clock;
}

/** Windows that fire at times of their own, or forget what they have fired, can not share what they hold with others. */
function sharesPanes(plan: FiringPlan): boolean {
  return plan.early === undefined && (!plan.discarding || plan.final || plan.latenessMs === 0);
}

function lowering(shape: WindowShape, plan: FiringPlan): string | undefined {
  if (clockOf(shape) === "processing") return "its windows are by processing time";
  if (plan.early?.by === "processing") return "it fires early by processing time";
  return plan.early === undefined ? undefined : "its early results depend on how values are read";
}
