import type { CompiledRule } from "../rules/rule-set.js";

/** A rule was applied to a citizen for an event that occurred at `at`. */
export interface Application {
  readonly eventID: string;
  readonly at: number;
}

/** What the rule state remembers of one rule and citizen. `lastEventID` changes with every claim: a claim names the one it saw. */
export interface RuleApplications {
  readonly lastEventID: string;
  readonly applications: readonly Application[];
}

/** A wish to write that a rule was applied, on the condition that nobody else did since it was read. */
export interface RuleClaim {
  readonly ruleID: string;
  /** The `lastEventID` that was read; undefined where there was no row. */
  readonly seen: string | undefined;
  readonly next: RuleApplications;
  /** The row may be forgotten this long after its newest application. */
  readonly keepMs: number;
}

/** Which limit stands in the way of an application at `at`, if any. Both limits look at event time, in both directions. */
export function limitInTheWay(
  rule: CompiledRule,
  others: readonly Application[],
  at: number,
): "cooldown" | "cap" | undefined {
  if (rule.cooldownMs > 0 && others.some((other) => Math.abs(other.at - at) < rule.cooldownMs)) return "cooldown";
  if (rule.cap !== undefined && isFull(others, at, rule.cap)) return "cap";
  return undefined;
}

/** Whether some interval of the cap's length that contains `at` holds n applications already. */
function isFull(
  others: readonly Application[],
  at: number,
  { n, perMs }: { readonly n: number; readonly perMs: number },
): boolean {
  if (others.length < n) return false;
  const times = others.map((other) => other.at).sort((a, b) => a - b);
  for (const start of [...times, at]) {
    if (start > at || at - start >= perMs) continue;
    let count = 0;
    for (const time of times) if (time >= start && time < start + perMs) count++;
    if (count >= n) return true;
  }
  return false;
}

/** The applications without those of this event: an earlier try of the same event must not stand in its own way. */
export function othersThan(eventID: string, known: RuleApplications | undefined): readonly Application[] {
  if (known === undefined) return [];
  return known.applications.some((each) => each.eventID === eventID)
    ? known.applications.filter((each) => each.eventID !== eventID)
    : known.applications;
}

/**
 * The claim for one more application. What no later event can ask for is dropped: an event more than `latenessMs` behind the
 * citizen's newest is not scored, so applications older than limit + lateness are of no use.
 */
export function claimFor(
  rule: CompiledRule,
  known: RuleApplications | undefined,
  application: Application,
  latenessMs: number,
): RuleClaim {
  const keepMs = Math.max(rule.cooldownMs, rule.cap?.perMs ?? 0) + latenessMs;
  const all = [...othersThan(application.eventID, known), application];
  const newest = Math.max(...all.map((each) => each.at));
  return {
    ruleID: rule.ruleID,
    seen: known?.lastEventID,
    next: { lastEventID: application.eventID, applications: all.filter((each) => newest - each.at <= keepMs) },
    keepMs,
  };
}

export function isLimited(rule: CompiledRule): boolean {
  return rule.cooldownMs > 0 || rule.cap !== undefined;
}
