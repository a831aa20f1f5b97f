import { requireArgument } from "../errors.js";
import type { OperatorSpec } from "../stage.js";

/**
 * In which order results leave: "input" as the values came; "key" each key's as they came; "any" as they are ready. In no order does a
 * result pass a watermark.
 */
export type AsyncOrder = "input" | "key" | "any";

/** The order that was asked for, "input" by default. Throws `E_ARGUMENT`. */
export function requireOrder(order: AsyncOrder | undefined, what: string): AsyncOrder {
  requireArgument(
    order === undefined || order === "input" || order === "key" || order === "any",
    `${what}: order must be "input", "key" or "any"; it is ${JSON.stringify(order)}`,
  );
  return order ?? "input";
}

/** What the planner must know of an order. */
export function orderFlags(order: AsyncOrder): Pick<OperatorSpec, "unordered" | "reads" | "needsKey" | "lowers"> {
  return {
    unordered: order !== "input",
    reads: { keys: order === "key" },
    ...(order === "key" ? { needsKey: 'order "key"' } : {}),
    ...(order === "any" ? { lowers: "results leave in the order in which they are ready" } : {}),
  };
}
