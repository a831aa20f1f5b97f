import { requireArgument } from "../errors.js";
import type { OperatorSpec } from "../stage.js";
import { collectContent } from "./content.js";
import { shapeOf, type WindowSpec } from "./window.js";
import { clockOf, describe, stageMaker } from "./window-operator.js";
import { planFiring } from "./window-policy.js";

/**
 * go-streams' windows: an array of the values of each window, over all keys, in the order of their times. Values too late for all their
 * windows are counted and left out. Throws `E_ARGUMENT` when `slide` is longer than `size`.
 */
export function shortWindow(spec: WindowSpec, options: { readonly name?: string }): OperatorSpec {
  const kind = `${spec.kind}Window`;
  const what = `${kind}()`;
  const shape = shapeOf(spec, what);
  requireArgument(
    shape.kind !== "aligned" || shape.slideMs <= shape.sizeMs,
    `${what}: with a slide longer than size some values would be in no window; use window() with sliding() if that is meant`,
  );
  const plan = planFiring({}, shape, what);
  const { name } = options;
  const setup = {
    where: name ?? what,
    named: name !== undefined,
    keyed: false,
    clock: clockOf(shape),
    content: collectContent(),
    plan,
    shape: "bare" as const,
  };
  return { ...describe(shape, plan, false), kind, name, make: stageMaker(setup, shape, what) };
}
