import type { Aggregate } from "@millrace/core";
import type { EventType } from "../event/event.js";
import type { DecidedEvent } from "./decided-event.js";

/** What a citizen did in a window, and how the score fared. Belongs to the window operator, which changes it in place. */
export interface Activity {
  events: number;
  readonly byType: Record<EventType, number>;
  /** Points in thousandths: whole numbers, so the sum does not depend on the order. */
  milliPoints: number;
  minScore: number;
  maxScore: number;
  /** After the decision with the largest version. */
  lastScore: number;
  lastVersion: number;
}

/** Sums up a citizen's decided events. The result is the same in any order and however it is merged. */
export const activityAggregate: Aggregate<DecidedEvent, Activity, Activity> = {
  init: () => ({
    events: 0,
    byType: { financial: 0, social: 0, online: 0, relationship: 0 },
    milliPoints: 0,
    minScore: Number.POSITIVE_INFINITY,
    maxScore: Number.NEGATIVE_INFINITY,
    lastScore: 0,
    lastVersion: -1,
  }),
  add: (activity, { received, decision }) => {
    activity.events++;
    activity.byType[received.event.eventType]++;
    activity.milliPoints += Math.round(decision.points * 1_000);
    noteScores(activity, decision.after.score, decision.after.score, decision.after.score, decision.version);
    return activity;
  },
  merge: (left, right) => {
    left.events += right.events;
    left.byType.financial += right.byType.financial;
    left.byType.social += right.byType.social;
    left.byType.online += right.byType.online;
    left.byType.relationship += right.byType.relationship;
    left.milliPoints += right.milliPoints;
    noteScores(left, right.minScore, right.maxScore, right.lastScore, right.lastVersion);
    return left;
  },
  result: (activity) => activity,
};

function noteScores(activity: Activity, min: number, max: number, last: number, version: number): void {
  if (min < activity.minScore) activity.minScore = min;
  if (max > activity.maxScore) activity.maxScore = max;
  if (version <= activity.lastVersion) return;
  activity.lastVersion = version;
  activity.lastScore = last;
}
