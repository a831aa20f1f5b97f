import type { Decay } from "../rules/configuration.js";

const MS_PER_DAY = 86_400_000;

/**
 * A score after `elapsedMs` without events. Closed form, so two steps give what one gives; never backwards: nothing happens for a
 * time that is zero or negative, and the baseline is approached, not passed.
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
