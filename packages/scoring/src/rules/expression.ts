import { z } from "zod";
import { type Facts, factProblem, factReader } from "./facts.js";

/**
 * A number worked out from facts. A missing or non-numeric fact makes the whole expression undefined, and the rule does not apply.
 *
 * @example
 * ```ts
 * import { type Expression } from "@millrace/scoring";
 * const points: Expression = { clamp: [{ mul: [-2, { fact: "event.payload.daysLate" }] }, -30, -2] };
 * ```
 */
export type Expression =
  | number
  | { readonly fact: string }
  | { readonly add: readonly Expression[] }
  | { readonly mul: readonly Expression[] }
  | { readonly sub: readonly [Expression, Expression] }
  | { readonly div: readonly [Expression, Expression] }
  | { readonly min: readonly Expression[] }
  | { readonly max: readonly Expression[] }
  | { readonly log10: Expression }
  | { readonly clamp: readonly [value: Expression, from: number, to: number] };

export type NumberReader = (facts: Facts) => number;

const several = z
  .array(z.lazy(() => expressionSchema))
  .min(1)
  .max(16);
const two = z.tuple([z.lazy(() => expressionSchema), z.lazy(() => expressionSchema)]);

/** Validates an expression. */
export const expressionSchema: z.ZodType<Expression> = z.union([
  z.number(),
  z.strictObject({
    fact: z.string().superRefine((path, context) => {
      const problem = factProblem(path);
      if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
    }),
  }),
  z.strictObject({ add: several }),
  z.strictObject({ mul: several }),
  z.strictObject({ sub: two }),
  z.strictObject({ div: two }),
  z.strictObject({ min: several }),
  z.strictObject({ max: several }),
  z.strictObject({ log10: z.lazy(() => expressionSchema) }),
  z.strictObject({
    clamp: z
      .tuple([z.lazy(() => expressionSchema), z.number(), z.number()])
      .refine(([, from, to]) => from <= to, "the lower bound must not be above the upper"),
  }),
]);

/** Compiles a validated expression. NaN stands for "undefined". */
export function compileExpression(expression: Expression): NumberReader {
  if (typeof expression === "number") return () => expression;
  if ("fact" in expression) {
    const read = factReader(expression.fact);
    return (facts) => {
      const found = read(facts);
      return typeof found === "number" ? found : Number.NaN;
    };
  }
  if ("add" in expression) return folded(expression.add, (left, right) => left + right);
  if ("mul" in expression) return folded(expression.mul, (left, right) => left * right);
  if ("sub" in expression) return folded(expression.sub, (left, right) => left - right);
  if ("div" in expression) return folded(expression.div, (left, right) => left / right);
  if ("min" in expression) return folded(expression.min, Math.min);
  if ("max" in expression) return folded(expression.max, Math.max);
  if ("log10" in expression) {
    const inner = compileExpression(expression.log10);
    return (facts) => Math.log10(inner(facts));
  }
  const [value, from, to] = expression.clamp;
  const inner = compileExpression(value);
  return (facts) => Math.min(to, Math.max(from, inner(facts)));
}

function folded(parts: readonly Expression[], combine: (left: number, right: number) => number): NumberReader {
  const readers = parts.map(compileExpression);
  const [first, ...rest] = readers as [NumberReader, ...NumberReader[]];
  return (facts) => {
    let result = first(facts);
    for (const read of rest) result = combine(result, read(facts));
    return result;
  };
}
