import type { Tier } from "../rules/configuration.js";

/**
 * The tier of a score, given the one before: up as soon as a higher tier's `min` is reached, down only below `min - hysteresis` of
 * the tier one is in, so that a score that trembles at a border does not change its tier each time. `tiers` stand lowest first, at least
 * one; a score below all of them is in the lowest. Without a tier before (undefined, or a name that is not there) only `min` counts.
 *
 * @example
 * ```ts
 * import { DEFAULT_CONFIGURATION, tierFor } from "@millrace/scoring";
 * const { tiers } = DEFAULT_CONFIGURATION; // trusted begins at 640 with a hysteresis of 8
 * tierFor(tiers, 636, undefined); // "standard"
 * tierFor(tiers, 636, "trusted"); // "trusted"
 * ```
 */
export function tierFor(tiers: readonly Tier[], score: number, current: string | undefined): string {
  const natural = highestReached(tiers, score);
  const held = tiers.findIndex((tier) => tier.name === current);
  if (held <= natural) return (tiers[natural] as Tier).name;
  const { name, min, hysteresis } = tiers[held] as Tier;
  return score >= min - hysteresis ? name : (tiers[natural] as Tier).name;
}

function highestReached(tiers: readonly Tier[], score: number): number {
  let index = 0;
  for (let i = 1; i < tiers.length; i++) if (score >= (tiers[i] as Tier).min) index = i;
  return index;
}
