import { z } from "zod";

/** A named range of scores. A citizen enters at `min` and leaves only below `min - hysteresis`. */
export interface Tier {
  readonly name: string;
  readonly min: number;
  readonly hysteresis: number;
}

/** How a score goes back to the baseline while nothing happens. */
export type Decay =
  | { readonly kind: "none" }
  | { readonly kind: "linear"; readonly ratePerDay: number }
  | { readonly kind: "exponential"; readonly halfLifeDays: number };

/** One version of the system's configuration. Exactly one is active. Lengths of time are milliseconds. */
export interface ScoringConfiguration {
  readonly version: number;
  readonly baseline: number;
  readonly bounds: { readonly min: number; readonly max: number };
  /** What one event can take or give at most. */
  readonly perEvent: { readonly min: number; readonly max: number };
  /** Lowest first. */
  readonly tiers: readonly Tier[];
  readonly decay: Decay;
  readonly rounding: "nearest" | "down" | "up";
  /** An event this much older than the citizen's newest is archived, and changes nothing. */
  readonly latenessMs: number;
  /** The rules in force: a switch is one change of this name. */
  readonly ruleSetVersion: string;
}

const score = z.number().int();

/**
 * Validates a configuration: its fields, and that baseline, bounds and tiers fit together.
 *
 * @example
 * ```ts
 * import { configurationSchema, DEFAULT_CONFIGURATION } from "@millrace/scoring";
 * configurationSchema.safeParse({ ...DEFAULT_CONFIGURATION, baseline: -1 }).success; // false
 * ```
 */
export const configurationSchema: z.ZodType<ScoringConfiguration> = z
  .strictObject({
    version: z.number().int().positive(),
    baseline: score,
    bounds: z.strictObject({ min: score, max: score }),
    perEvent: z.strictObject({ min: z.number().max(0), max: z.number().min(0) }),
    tiers: z
      .array(
        z.strictObject({
          name: z.string().regex(/^[a-z][a-z0-9_]{0,31}$/),
          min: score,
          hysteresis: z.number().int().min(0),
        }),
      )
      .min(1)
      .max(32),
    decay: z.discriminatedUnion("kind", [
      z.strictObject({ kind: z.literal("none") }),
      z.strictObject({ kind: z.literal("linear"), ratePerDay: z.number().positive() }),
      z.strictObject({ kind: z.literal("exponential"), halfLifeDays: z.number().positive() }),
    ]),
    rounding: z.enum(["nearest", "down", "up"]),
    latenessMs: z.number().int().min(0),
    ruleSetVersion: z.string().min(1).max(64),
  })
  .superRefine((configuration, context) => {
    for (const message of problemsOf(configuration)) context.addIssue({ code: "custom", message });
  });

function problemsOf({ baseline, bounds, tiers }: ScoringConfiguration): string[] {
  const problems: string[] = [];
  if (bounds.min >= bounds.max) problems.push("bounds.min must be below bounds.max");
  if (baseline < bounds.min || baseline > bounds.max) problems.push("baseline must be within bounds");
  if (tiers[0]?.min !== bounds.min)
    problems.push("the lowest tier must begin at bounds.min, so that every score has one");
  for (let i = 1; i < tiers.length; i++) {
    if ((tiers[i] as Tier).min <= (tiers[i - 1] as Tier).min)
      problems.push("tiers must stand lowest first, each with its own min");
  }
  if (new Set(tiers.map((tier) => tier.name)).size !== tiers.length) problems.push("tiers must have different names");
  return problems;
}

/**
 * Validates a configuration. Throws an error that begins with `E_CONFIGURATION` and lists every problem.
 *
 * @example
 * ```ts
 * import { DEFAULT_CONFIGURATION, parseConfiguration } from "@millrace/scoring";
 * const configuration = parseConfiguration({ ...DEFAULT_CONFIGURATION, version: 2, baseline: 500 });
 * ```
 */
export function parseConfiguration(value: unknown): ScoringConfiguration {
  const result = configurationSchema.safeParse(value);
  if (result.success) return result.data;
  throw new Error(`E_CONFIGURATION: ${z.prettifyError(result.error)}`);
}
