import type { ReceivedEvent } from "../event/decode-event.js";
import type { CitizenProfile } from "../ports/citizen-profile.js";
import type { ScoringConfiguration } from "../rules/configuration.js";
import type { Facts } from "../rules/facts.js";
import type { CompiledRule, RuleSet } from "../rules/rule-set.js";
import { decayed } from "./decay.js";
import type {
  ArchivedBecause,
  Decision,
  HeldBecause,
  HeldRule,
  Outcome,
  ScoreChange,
  StoredDecision,
} from "./outcome.js";
import { PSEUDO_RULES } from "./outcome.js";
import { claimFor, isLimited, limitInTheWay, othersThan, type RuleApplications } from "./rule-limits.js";
import type { ScoreSnapshot } from "./score-snapshot.js";
import { tierFor } from "./tiers.js";

/** What was read from the stores for one event. */
export interface DecisionState {
  readonly snapshot: ScoreSnapshot;
  /** What was decided about this eventID before, if anything. */
  readonly stored: StoredDecision | undefined;
  /** By ruleID; rules without cooldown and cap need none. */
  readonly applications: ReadonlyMap<string, RuleApplications>;
}

/** A rule that applies, with its points. */
interface Applied {
  readonly rule: CompiledRule;
  readonly points: number;
}

/**
 * Decides what an event does to a citizen's score. Pure: the same arguments give the same outcome, and nothing is changed.
 *
 * The order is: dedupe → consent → lateness → validity at occurredAt → condition → cooldown → cap → points × multipliers → clamp
 * per event → decay of the old score to occurredAt → sum → bounds → rounding → tier with hysteresis. Dedupe stands before consent
 * because a replay must give what was stored, whatever the citizen allows by now. The outcome names the versions of rules and
 * configuration, what each rule gave, and why each other rule for this kind of event gave nothing.
 *
 * @example
 * ```ts
 * import { compileRuleSet, decide, DEFAULT_CONFIGURATION, DEFAULT_RULES, type CitizenProfile, type ReceivedEvent, type ScoreSnapshot } from "@millrace/scoring";
 * declare const received: ReceivedEvent, citizen: CitizenProfile, snapshot: ScoreSnapshot;
 * const rules = compileRuleSet("1", DEFAULT_RULES);
 * const outcome = decide(received, citizen, rules, DEFAULT_CONFIGURATION, { snapshot, stored: undefined, applications: new Map() });
 * if (outcome.kind === "decided") console.log(outcome.decision.after.score);
 * ```
 */
export function decide(
  received: ReceivedEvent,
  citizen: CitizenProfile,
  ruleSet: RuleSet,
  configuration: ScoringConfiguration,
  state: DecisionState,
): Outcome {
  const { snapshot, stored } = state;
  if (stored !== undefined) return known(received, stored);
  const archivedBecause = whyArchivedOnly(received, citizen, configuration, snapshot);
  if (archivedBecause !== undefined) return archived(received, ruleSet, configuration, snapshot, archivedBecause);
  return scored(received, citizen, ruleSet, configuration, state);
}

function known({ partition, offset, digest }: ReceivedEvent, stored: StoredDecision): Outcome {
  if (stored.partition === partition && stored.offset === offset)
    return { kind: "repeated", decision: stored.decision };
  return { kind: stored.digest === digest ? "duplicate" : "conflict" };
}

function whyArchivedOnly(
  { event, partition, offset }: ReceivedEvent,
  citizen: CitizenProfile,
  { latenessMs }: ScoringConfiguration,
  { source, lastEventAt }: ScoreSnapshot,
): ArchivedBecause | undefined {
  if (!citizen.consent.scoring) return "consent";
  // The score has this message in it, but its decision is forgotten: scoring it again would count it twice.
  if (source !== undefined && source.partition === partition && offset <= source.offset) return "already-applied";
  if (lastEventAt !== undefined && lastEventAt - event.occurredAt > latenessMs) return "too-late";
  return undefined;
}

function archived(
  received: ReceivedEvent,
  ruleSet: RuleSet,
  configuration: ScoringConfiguration,
  snapshot: ScoreSnapshot,
  archivedBecause: ArchivedBecause,
): Outcome {
  const point = { score: snapshot.score, raw: snapshot.raw, tier: snapshot.tier };
  const decision: Decision = {
    archivedBecause,
    late: isLate(received, snapshot),
    ruleSetVersion: ruleSet.version,
    configurationVersion: configuration.version,
    before: point,
    after: point,
    points: 0,
    changes: [],
    held: [],
    version: snapshot.version + 1,
  };
  const next: ScoreSnapshot = {
    ...snapshot,
    lastEventAt: latest(snapshot.lastEventAt, received.event.occurredAt),
    version: decision.version,
    source: newerSource(received, snapshot),
  };
  return { kind: "decided", decision, next, claims: [] };
}

function scored(
  received: ReceivedEvent,
  citizen: CitizenProfile,
  ruleSet: RuleSet,
  configuration: ScoringConfiguration,
  { snapshot, applications }: DecisionState,
): Outcome {
  const { event } = received;
  const { perEvent, bounds, baseline, decay, tiers, latenessMs } = configuration;
  const held: HeldRule[] = [];
  const facts: Facts = { event, citizen, score: snapshot.score, tier: snapshot.tier };
  const applied = applicableRules(ruleSet, facts, applications, held);

  const sum = round3(applied.reduce((total, { points }) => total + points, 0));
  const points = clamp(sum, perEvent.min, perEvent.max);
  const elapsedMs = snapshot.lastCalculated === undefined ? 0 : event.occurredAt - snapshot.lastCalculated;
  const faded = decayed(snapshot.raw, baseline, elapsedMs, decay);
  const total = faded + points;
  const raw = clamp(total, bounds.min, bounds.max);
  const score = rounded(raw, configuration);
  const after = { score, raw, tier: tierFor(tiers, score, snapshot.tier) };

  const decision: Decision = {
    late: isLate(received, snapshot),
    ruleSetVersion: ruleSet.version,
    configurationVersion: configuration.version,
    before: { score: snapshot.score, raw: snapshot.raw, tier: snapshot.tier },
    after,
    points,
    changes: changesOf(applied, faded - snapshot.raw, points - sum, raw - total),
    held,
    version: snapshot.version + 1,
  };
  const next: ScoreSnapshot = {
    ...after,
    lastCalculated: latest(snapshot.lastCalculated, event.occurredAt),
    lastEventAt: latest(snapshot.lastEventAt, event.occurredAt),
    version: decision.version,
    source: newerSource(received, snapshot),
  };
  const application = { eventID: event.eventID, at: event.occurredAt };
  const claims = applied
    .filter(({ rule }) => isLimited(rule))
    .map(({ rule }) => claimFor(rule, applications.get(rule.ruleID), application, latenessMs));
  return { kind: "decided", decision, next, claims };
}

/** The rules that give points, in order of priority, after groups; the others are put on `held` with the reason. */
function applicableRules(
  ruleSet: RuleSet,
  facts: Facts,
  applications: ReadonlyMap<string, RuleApplications>,
  held: HeldRule[],
): Applied[] {
  const applied: Applied[] = [];
  const closedGroups = new Set<string>();
  for (const rule of ruleSet.rulesFor(facts.event.eventType, facts.event.eventSubtype)) {
    const verdict = judge(rule, facts, applications.get(rule.ruleID), closedGroups);
    if (typeof verdict === "string") {
      held.push({ ruleID: rule.ruleID, ruleVersion: rule.version, because: verdict });
      continue;
    }
    if (rule.group !== undefined && rule.stacking === "first") closedGroups.add(rule.group);
    applied.push({ rule, points: verdict });
  }
  return strongestOnly(applied, held);
}

/** The points of one rule, or why there are none. */
function judge(
  rule: CompiledRule,
  facts: Facts,
  known: RuleApplications | undefined,
  closedGroups: ReadonlySet<string>,
): number | HeldBecause {
  const { occurredAt, eventID } = facts.event;
  if (occurredAt < rule.validFrom || occurredAt >= rule.validTo) return "validity";
  if (rule.group !== undefined && closedGroups.has(rule.group)) return "group";
  try {
    if (rule.when !== undefined && !rule.when(facts)) return "condition";
    const limit = isLimited(rule) ? limitInTheWay(rule, othersThan(eventID, known), occurredAt) : undefined;
    if (limit !== undefined) return limit;
    let points = rule.points(facts);
    for (const multiplier of rule.multipliers) if (multiplier.when(facts)) points *= multiplier.factor;
    return Number.isFinite(points) ? round3(points) : "error";
  } catch {
    return "error";
  }
}

/** Of each group that stacks as "strongest", only the rule with the most points, up or down, stays. */
function strongestOnly(applied: Applied[], held: HeldRule[]): Applied[] {
  const best = new Map<string, Applied>();
  for (const each of applied) {
    const { group, stacking } = each.rule;
    if (group === undefined || stacking !== "strongest") continue;
    const rival = best.get(group);
    if (rival === undefined || Math.abs(each.points) > Math.abs(rival.points)) best.set(group, each);
  }
  if (best.size === 0) return applied;
  return applied.filter((each) => {
    const { group, stacking, ruleID, version } = each.rule;
    const stays = group === undefined || stacking !== "strongest" || best.get(group) === each;
    if (!stays) held.push({ ruleID, ruleVersion: version, because: "group" });
    return stays;
  });
}

function changesOf(applied: readonly Applied[], decay: number, clamped: number, bounded: number): ScoreChange[] {
  const changes: ScoreChange[] = [];
  const pseudo = (ruleID: string, delta: number, reason: string): void => {
    if (delta !== 0) changes.push({ ruleID, ruleVersion: 0, delta, reason });
  };
  pseudo(PSEUDO_RULES.decay, decay, "Time has passed: the score moved towards the baseline");
  for (const { rule, points } of applied) {
    if (points !== 0)
      changes.push({ ruleID: rule.ruleID, ruleVersion: rule.version, delta: points, reason: rule.reason });
  }
  pseudo(PSEUDO_RULES.clamp, clamped, "One event changes the score only so much");
  pseudo(PSEUDO_RULES.bounds, bounded, "The score is at its bound");
  return changes;
}

function isLate({ event }: ReceivedEvent, { lastEventAt }: ScoreSnapshot): boolean {
  return lastEventAt !== undefined && event.occurredAt < lastEventAt;
}

function newerSource({ partition, offset }: ReceivedEvent, { source }: ScoreSnapshot): ScoreSnapshot["source"] {
  return source !== undefined && source.partition === partition && source.offset > offset
    ? source
    : { partition, offset };
}

function latest(known: number | undefined, time: number): number {
  return known === undefined || time > known ? time : known;
}

function clamp(value: number, from: number, to: number): number {
  return Math.min(to, Math.max(from, value));
}

/** Points are kept in thousandths, so that their sums are the same in any order. */
function round3(value: number): number {
  return Math.round(value * 1_000) / 1_000 + 0;
}

/** Whole, never -0, and within the bounds because those are whole too. */
function rounded(raw: number, { rounding }: ScoringConfiguration): number {
  const whole = rounding === "nearest" ? Math.round(raw) : rounding === "down" ? Math.floor(raw) : Math.ceil(raw);
  return whole + 0;
}
