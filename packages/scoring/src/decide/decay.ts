import type { Decay } from "../rules/configuration.js";

const MS_PER_DAY = 86_400_000;

/**
 * A score after `elapsedMs` without events. Exponential: baseline + (raw - baseline) × 2^(-days / halfLifeDays). Linear: `ratePerDay` ×
 * days nearer to the baseline, which is not passed. Closed form, so two steps give what one gives (but for rounding). Never backwards:
 * nothing happens for a time that is zero or negative.
 *
 * @example
 * ```ts
 * import { decayed } from "@millrace/scoring";
 * decayed(700, 600, 90 * 86_400_000, { kind: "exponential", halfLifeDays: 90 }); // 650
 * ```
 */
export function decayed(raw: number, baseline: number, elapsedMs: number, decay: Decay): number {
  if (elapsedMs <= 0 || raw === baseline) return raw;
  const days = elapsedMs / MS_PER_DAY;
  switch (decay.kind) {
    case "none":
      return raw;
    case "linear": {
      const step = decay.ratePerDay * days;
      return raw > baseline ? Math.max(baseline, raw - step) : Math.min(baseline, raw + step);
    }
    case "exponential":
      return baseline + (raw - baseline) * 2 ** (-days / decay.halfLifeDays);
  }
}
