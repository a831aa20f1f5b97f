import { z } from "zod";
import type { EventType } from "../event/event.js";
import { EVENT_TYPES } from "../event/event.js";
import { type Condition, conditionSchema } from "./condition.js";
import { type Expression, expressionSchema } from "./expression.js";

/** Only `active` rules apply. */
export type RuleStatus = "draft" | "active" | "paused" | "retired";

/** How the rules of one group go together: the first that applies, the strongest one, or all of them. */
export type Stacking = "first" | "strongest" | "all";

/** One version of a rule. Versions never change; an edit makes the next version. Times are milliseconds. */
export interface RuleDefinition {
  readonly ruleID: string;
  readonly version: number;
  readonly status: RuleStatus;
  /** Holds for events that occurred from here … */
  readonly validFrom?: number;
  /** … up to, not including, here. */
  readonly validTo?: number;
  /** Without subtypes: all of the type. */
  readonly match: { readonly eventType: EventType; readonly eventSubtypes?: readonly string[] };
  readonly when?: Condition;
  readonly points: Expression;
  readonly multipliers?: readonly { readonly when: Condition; readonly factor: number }[];
  /** At least this long, in event time, between two applications to one citizen. */
  readonly cooldown?: { readonly ms: number };
  /** At most n applications to one citizen in any interval of this length. */
  readonly cap?: { readonly n: number; readonly perMs: number };
  /** Higher comes first. */
  readonly priority: number;
  readonly group?: { readonly name: string; readonly stacking: Stacking };
  /** Said to the citizen. */
  readonly reason: string;
}

const word = z.string().regex(/^[a-z][a-z0-9_]{0,40}$/);
const time = z.number().int();
const YEAR_MS = 365 * 86_400_000;
const length = z.number().int().positive().max(YEAR_MS);

/**
 * Validates one version of a rule; an invalid one is refused at writing and at loading.
 *
 * @example
 * ```ts
 * import { ruleSchema } from "@millrace/scoring";
 * ruleSchema.safeParse({ ruleID: "late-payment", version: 2 }).success; // false: points, match and more are missing
 * ```
 */
export const ruleSchema: z.ZodType<RuleDefinition> = z
  .strictObject({
    ruleID: z.string().regex(/^[a-z][a-z0-9-]{1,63}$/),
    version: z.number().int().positive(),
    status: z.enum(["draft", "active", "paused", "retired"]),
    validFrom: time.optional(),
    validTo: time.optional(),
    match: z.strictObject({ eventType: z.enum(EVENT_TYPES), eventSubtypes: z.array(word).min(1).max(64).optional() }),
    when: conditionSchema.optional(),
    points: expressionSchema,
    multipliers: z
      .array(z.strictObject({ when: conditionSchema, factor: z.number().min(0).max(10) }))
      .max(16)
      .optional(),
    cooldown: z.strictObject({ ms: length }).optional(),
    cap: z.strictObject({ n: z.number().int().positive().max(1_000), perMs: length }).optional(),
    priority: z.number().int(),
    group: z.strictObject({ name: word, stacking: z.enum(["first", "strongest", "all"]) }).optional(),
    reason: z.string().min(1).max(200),
  })
  .refine((rule) => (rule.validFrom ?? -Infinity) < (rule.validTo ?? Infinity), {
    message: "validFrom must be before validTo",
    path: ["validTo"],
  }) as z.ZodType<RuleDefinition>;
