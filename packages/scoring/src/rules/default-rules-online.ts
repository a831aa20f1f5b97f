import type { RuleDefinition } from "./rule.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const active = { version: 1, status: "active" } as const;

/** What people do online. */
export const ONLINE_RULES: readonly RuleDefinition[] = [
  {
    ruleID: "misinformation",
    ...active,
    version: 2,
    match: { eventType: "online", eventSubtypes: ["post_flagged"] },
    when: { fact: "event.payload.confidence", op: "gte", value: 0.8 },
    points: -10,
    multipliers: [{ when: { fact: "event.payload.reach", op: "gt", value: 10_000 }, factor: 2 }],
    cooldown: { ms: HOUR },
    priority: 20,
    reason: "A post was found to mislead",
  },
  {
    ruleID: "reported",
    ...active,
    match: { eventType: "online", eventSubtypes: ["post_flagged"] },
    when: {
      all: [
        { fact: "event.payload.reports", op: "gte", value: 3 },
        { fact: "event.payload.confidence", op: "exists", value: true },
      ],
    },
    points: -2,
    cap: { n: 3, perMs: DAY },
    priority: 10,
    reason: "Several people reported a post",
  },
  {
    ruleID: "helpful-review",
    ...active,
    match: { eventType: "online", eventSubtypes: ["review_written"] },
    when: { fact: "event.payload.helpfulVotes", op: "gte", value: 5 },
    points: 1.5,
    cap: { n: 5, perMs: DAY },
    priority: 0,
    reason: "A review helped others",
  },
  {
    ruleID: "civic-campaign",
    ...active,
    validFrom: Date.UTC(2025, 0, 1),
    validTo: Date.UTC(2025, 0, 7, 12),
    match: { eventType: "online", eventSubtypes: ["campaign_share"] },
    points: 0.5,
    cap: { n: 4, perMs: DAY },
    priority: 0,
    reason: "A civic campaign was shared",
  },
  {
    ruleID: "long-gaming",
    ...active,
    match: { eventType: "online", eventSubtypes: ["gaming_session"] },
    when: { fact: "event.payload.minutes", op: "gt", value: 240 },
    points: -1.5,
    cap: { n: 1, perMs: DAY },
    priority: 0,
    reason: "A very long gaming session",
  },
  {
    ruleID: "gaming-ban",
    ...active,
    status: "retired",
    match: { eventType: "online", eventSubtypes: ["gaming_session"] },
    points: -20,
    priority: 50,
    reason: "No longer in force",
  },
];
