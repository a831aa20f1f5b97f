import { z } from "zod";
import { factProblem } from "./facts.js";
import { patternProblem } from "./safe-pattern.js";

/** What a fact is compared with. Never converted: `"1"` is not `1`. */
export type Scalar = string | number | boolean;

/** A circle on the map, for `within`. */
export interface Circle {
  readonly lat: number;
  readonly lon: number;
  readonly km: number;
}

/** One test of a fact. A missing fact fails every test but `exists: false` and `ne`. */
export type Test =
  | { readonly fact: string; readonly op: "eq" | "ne"; readonly value: Scalar }
  | { readonly fact: string; readonly op: "gt" | "gte" | "lt" | "lte"; readonly value: number }
  | { readonly fact: string; readonly op: "in" | "nin"; readonly value: readonly Scalar[] }
  | { readonly fact: string; readonly op: "exists"; readonly value: boolean }
  | { readonly fact: string; readonly op: "between"; readonly value: readonly [from: number, to: number] }
  | { readonly fact: string; readonly op: "regex" | "startsWith"; readonly value: string }
  | { readonly fact: string; readonly op: "within"; readonly value: Circle };

/**
 * When a rule applies: tests joined by `all`, `any` and `not`.
 *
 * @example
 * ```ts
 * import { type Condition } from "@millrace/scoring";
 * const condition: Condition = { all: [{ fact: "event.payload.amount", op: "gt", value: 100 }, { not: { fact: "citizen.flags", op: "in", value: ["student"] } }] };
 * ```
 */
export type Condition =
  | { readonly all: readonly Condition[] }
  | { readonly any: readonly Condition[] }
  | { readonly not: Condition }
  | Test;

const MAX_BRANCHES = 32;
const MAX_DEPTH = 8;

const scalar = z.union([z.string().max(256), z.number(), z.boolean()]);
const fact = z.string().superRefine((path, context) => refuse(context, factProblem(path)));
const finite = z.number();

const test: z.ZodType<Test> = z.discriminatedUnion("op", [
  z.strictObject({ fact, op: z.enum(["eq", "ne"]), value: scalar }),
  z.strictObject({ fact, op: z.enum(["gt", "gte", "lt", "lte"]), value: finite }),
  z.strictObject({ fact, op: z.enum(["in", "nin"]), value: z.array(scalar).min(1).max(256) }),
  z.strictObject({ fact, op: z.literal("exists"), value: z.boolean() }),
  z.strictObject({
    fact,
    op: z.literal("between"),
    value: z.tuple([finite, finite]).refine(([from, to]) => from <= to, "the first bound must not be above the second"),
  }),
  z.strictObject({ fact, op: z.literal("startsWith"), value: z.string().min(1).max(128) }),
  z.strictObject({
    fact,
    op: z.literal("regex"),
    value: z.string().superRefine((pattern, context) => refuse(context, patternProblem(pattern))),
  }),
  z.strictObject({
    fact,
    op: z.literal("within"),
    value: z.strictObject({ lat: finite.min(-90).max(90), lon: finite.min(-180).max(180), km: finite.positive() }),
  }),
]) as z.ZodType<Test>;

const branches = z.array(z.lazy(() => node)).max(MAX_BRANCHES);
const node: z.ZodType<Condition> = z.union([
  z.strictObject({ all: branches }),
  z.strictObject({ any: branches }),
  z.strictObject({ not: z.lazy(() => node) }),
  test,
]);

/** Validates a condition: known operators, facts and safe patterns, at most 32 branches a level and 8 levels. */
export const conditionSchema: z.ZodType<Condition> = z
  .unknown()
  .refine((value) => depthOf(value) <= MAX_DEPTH, `a condition is at most ${MAX_DEPTH} levels deep`)
  .pipe(node);

function depthOf(value: unknown, level = 1): number {
  if (level > MAX_DEPTH || typeof value !== "object" || value === null) return level;
  const { all, any, not } = value as { all?: unknown; any?: unknown; not?: unknown };
  const inner = [
    ...(Array.isArray(all) ? all : []),
    ...(Array.isArray(any) ? any : []),
    ...(not === undefined ? [] : [not]),
  ];
  return inner.reduce<number>((deepest, each) => Math.max(deepest, depthOf(each, level + 1)), level);
}

function refuse(context: z.RefinementCtx, problem: string | undefined): void {
  if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
}
