import type { RuleClaim } from "./rule-limits.js";
import type { ScoreSnapshot } from "./score-snapshot.js";

/** A part of a score change: what a rule gave, or what one of {@link PSEUDO_RULES} did. The deltas of a decision add up. */
export interface ScoreChange {
  readonly ruleID: string;
  readonly ruleVersion: number;
  readonly delta: number;
  readonly reason: string;
}

/**
 * The `ruleID` of changes that no rule made: the score faded towards the baseline (`decay`), the points of one event were cut to
 * `perEvent` (`clamp`), the score was cut to its `bounds`. Their version is 0.
 *
 * @example
 * ```ts
 * import { type Decision, PSEUDO_RULES } from "@millrace/scoring";
 * const faded = ({ changes }: Decision) => changes.find(({ ruleID }) => ruleID === PSEUDO_RULES.decay)?.delta ?? 0;
 * ```
 */
export const PSEUDO_RULES: { readonly decay: string; readonly clamp: string; readonly bounds: string } = {
  decay: "#decay",
  clamp: "#clamp",
  bounds: "#bounds",
};

/** Why a rule for this kind of event gave nothing. */
export type HeldBecause = "validity" | "condition" | "group" | "cooldown" | "cap" | "error";

/** A rule for this kind of event that gave nothing, and why. */
export interface HeldRule {
  readonly ruleID: string;
  readonly ruleVersion: number;
  readonly because: HeldBecause;
}

/** Why an event is archived and nothing else. */
export type ArchivedBecause = "consent" | "too-late" | "already-applied";

/** A score before or after an event: `raw` as it is calculated, `score` rounded, and the tier the score is in. */
export interface ScorePoint {
  readonly score: number;
  readonly raw: number;
  readonly tier: string;
}

/** What was decided about an event: stored with the score in one write, and emitted again as it stands on a replay. Plain JSON. */
export interface Decision {
  /** Set: the event is archived only. */
  readonly archivedBecause?: ArchivedBecause;
  /** The event occurred before another that was scored already. */
  readonly late: boolean;
  readonly ruleSetVersion: string;
  readonly configurationVersion: number;
  readonly before: ScorePoint;
  readonly after: ScorePoint;
  /** Of the rules, after the clamp per event. */
  readonly points: number;
  readonly changes: readonly ScoreChange[];
  readonly held: readonly HeldRule[];
  /** The citizen's snapshot version with this decision in it. */
  readonly version: number;
}

/** A decision with where its event came from: tells a replay (same place) from a copy (same digest) and a contradiction. */
export interface StoredDecision {
  readonly decision: Decision;
  readonly digest: string;
  readonly partition: string;
  readonly offset: number;
}

/** What `decide` says is to be done. */
export type Outcome =
  /** New: claim the rules, then write the snapshot with the decision. */
  | {
      readonly kind: "decided";
      readonly decision: Decision;
      readonly next: ScoreSnapshot;
      readonly claims: readonly RuleClaim[];
    }
  /** This very message was decided before: emit the stored decision again. */
  | { readonly kind: "repeated"; readonly decision: Decision }
  /** A copy of a message decided before: nothing to do. */
  | { readonly kind: "duplicate" }
  /** The eventID was used for something else before: a dead letter. */
  | { readonly kind: "conflict" };
