import { requireArgument } from "../errors.js";
import { intervalJoin } from "../operators/interval-join.js";
import type { OperatorSpec } from "../stage.js";
import { checkMaxKeep, JOIN_NAMES, type JoinFunction, type JoinKind } from "./pair.js";
import type { JoinWindow } from "./window.js";
import { type JoinPolicy, windowJoin } from "./window-join.js";

/**
 * A join of two keyed inputs within windows, or within bounds of `right time − left time`; a co-group takes windows only. Throws
 * `E_ARGUMENT` or `E_DURATION` for what can not be right.
 */
export function join(
  kind: JoinKind | "coGroup",
  name: string,
  within: JoinWindow,
  fn: JoinFunction,
  policy: JoinPolicy = {},
): OperatorSpec {
  const what = `${JOIN_NAMES[kind]} "${name}"`;
  requireArgument(typeof fn === "function", `${what} needs a function; it is ${typeof fn}`);
  if (!("between" in within)) return windowJoin(kind, name, within, fn, policy);
  requireArgument(kind !== "coGroup", `${what} needs a window; for bounds of time use join()`);
  requireArgument(
    policy.allowedLateness === undefined,
    `${what}: allowedLateness is for joins in windows; a value behind the watermark joins nothing`,
  );
  return intervalJoin(kind, name, within.between, fn, checkMaxKeep(policy.maxKeep, what));
}
