import { parseConfiguration, type ScoringConfiguration } from "./configuration.js";
import { DEFAULT_RULE_SET_VERSION } from "./default-rules.js";

const MS_PER_HOUR = 3_600_000;

/**
 * The configuration of the demo: scores from 0 to 1,000 that start at 600 and fade back to it with a half-life of 90 days, five tiers,
 * events up to 24 hours late.
 *
 * @example
 * ```ts
 * import { DEFAULT_CONFIGURATION, type ScoringConfiguration } from "@millrace/scoring";
 * const withoutDecay: ScoringConfiguration = { ...DEFAULT_CONFIGURATION, version: 2, decay: { kind: "none" } };
 * ```
 */
export const DEFAULT_CONFIGURATION: ScoringConfiguration = parseConfiguration({
  version: 1,
  baseline: 600,
  bounds: { min: 0, max: 1_000 },
  perEvent: { min: -50, max: 25 },
  tiers: [
    { name: "restricted", min: 0, hysteresis: 0 },
    { name: "watch", min: 450, hysteresis: 10 },
    { name: "standard", min: 560, hysteresis: 8 },
    { name: "trusted", min: 640, hysteresis: 8 },
    { name: "exemplary", min: 760, hysteresis: 12 },
  ],
  decay: { kind: "exponential", halfLifeDays: 90 },
  rounding: "nearest",
  latenessMs: 24 * MS_PER_HOUR,
  ruleSetVersion: DEFAULT_RULE_SET_VERSION,
});
