import type { Aggregate } from "@millrace/core";
import type { EventType } from "../event/event.js";
import type { DecidedEvent } from "./rows.js";

/** What a citizen did in a window, and how the score fared. */
export interface Activity {
  readonly events: number;
  readonly byType: Readonly<Record<EventType, number>>;
  /** Points in thousandths: whole numbers, so the sum does not depend on the order. */
  readonly milliPoints: number;
  readonly minScore: number;
  readonly maxScore: number;
  /** After the decision with the largest version. */
  readonly lastScore: number;
  readonly lastVersion: number;
}

const NOTHING: Activity = {
  events: 0,
  byType: { financial: 0, social: 0, online: 0, relationship: 0 },
  milliPoints: 0,
  minScore: Number.POSITIVE_INFINITY,
  maxScore: Number.NEGATIVE_INFINITY,
  lastScore: 0,
  lastVersion: -1,
};

/** Sums up a citizen's decided events. The result is the same in any order and however it is merged. */
export const activityAggregate: Aggregate<DecidedEvent, Activity, Activity> = {
  init: () => NOTHING,
  add: (activity, { received, decision }) =>
    merged(activity, {
      events: 1,
      byType: { ...NOTHING.byType, [received.event.eventType]: 1 },
      milliPoints: Math.round(decision.points * 1_000),
      minScore: decision.after.score,
      maxScore: decision.after.score,
      lastScore: decision.after.score,
      lastVersion: decision.version,
    }),
  merge: merged,
  result: (activity) => activity,
};

function merged(left: Activity, right: Activity): Activity {
  const newer = right.lastVersion > left.lastVersion ? right : left;
  return {
    events: left.events + right.events,
    byType: {
      financial: left.byType.financial + right.byType.financial,
      social: left.byType.social + right.byType.social,
      online: left.byType.online + right.byType.online,
      relationship: left.byType.relationship + right.byType.relationship,
    },
    milliPoints: left.milliPoints + right.milliPoints,
    minScore: Math.min(left.minScore, right.minScore),
    maxScore: Math.max(left.maxScore, right.maxScore),
    lastScore: newer.lastScore,
    lastVersion: newer.lastVersion,
  };
}
