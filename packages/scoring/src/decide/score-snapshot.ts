import type { ScoringConfiguration } from "../rules/configuration.js";
import { tierFor } from "./tiers.js";

/** A citizen's score as the citizen store holds it. `version` grows by one with every decision. */
export interface ScoreSnapshot {
  /** What is shown: `raw`, rounded. */
  readonly score: number;
  readonly raw: number;
  readonly tier: string;
  /** To when `raw` is decayed; undefined before the first scored event. */
  readonly lastCalculated: number | undefined;
  /** The newest event time decided about so far. */
  readonly lastEventAt: number | undefined;
  readonly version: number;
  /** The newest message that is part of it. */
  readonly source: { readonly partition: string; readonly offset: number } | undefined;
}

/**
 * The score of a citizen about whom nothing has happened yet: the baseline, at version 0.
 *
 * @example
 * ```ts
 * import { DEFAULT_CONFIGURATION, initialSnapshot } from "@millrace/scoring";
 * const { score, tier } = initialSnapshot(DEFAULT_CONFIGURATION); // 600, "standard"
 * ```
 */
export function initialSnapshot(configuration: ScoringConfiguration): ScoreSnapshot {
  const { baseline } = configuration;
  return {
    score: baseline,
    raw: baseline,
    tier: tierFor(configuration.tiers, baseline, undefined),
    lastCalculated: undefined,
    lastEventAt: undefined,
    version: 0,
    source: undefined,
  };
}
