import type { RuleDefinition } from "./rule.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const active = { version: 1, status: "active" } as const;

/** Payments, loans, gifts and gambling. */
export const FINANCIAL_RULES: readonly RuleDefinition[] = [
  {
    ruleID: "payment-on-time",
    ...active,
    match: { eventType: "financial", eventSubtypes: ["payment_on_time"] },
    points: 2,
    multipliers: [{ when: { fact: "event.payload.autopay", op: "eq", value: true }, factor: 0.5 }],
    cap: { n: 10, perMs: 30 * DAY },
    priority: 10,
    reason: "A bill was paid on time",
  },
  {
    ruleID: "late-payment-severe",
    ...active,
    match: { eventType: "financial", eventSubtypes: ["late_payment"] },
    when: { fact: "event.payload.daysLate", op: "gte", value: 30 },
    points: -25,
    multipliers: [{ when: { fact: "event.payload.amount", op: "gt", value: 1_000 }, factor: 1.5 }],
    cooldown: { ms: DAY },
    priority: 30,
    group: { name: "late_payment", stacking: "first" },
    reason: "A payment is more than a month late",
  },
  {
    ruleID: "late-payment",
    ...active,
    version: 3,
    match: { eventType: "financial", eventSubtypes: ["late_payment"] },
    when: { fact: "event.payload.daysLate", op: "gt", value: 0 },
    points: { clamp: [{ mul: [-1.5, { fact: "event.payload.daysLate" }] }, -20, -3] },
    multipliers: [
      { when: { fact: "event.payload.amount", op: "gt", value: 1_000 }, factor: 1.5 },
      { when: { fact: "citizen.flags", op: "in", value: ["student", "hardship"] }, factor: 0.5 },
    ],
    cooldown: { ms: 6 * HOUR },
    priority: 20,
    group: { name: "late_payment", stacking: "first" },
    reason: "A payment came late",
  },
  {
    ruleID: "loan-default",
    ...active,
    match: { eventType: "financial", eventSubtypes: ["loan_default"] },
    points: -40,
    multipliers: [{ when: { fact: "event.payload.amount", op: "gte", value: 5_000 }, factor: 1.5 }],
    cooldown: { ms: 30 * DAY },
    priority: 40,
    reason: "A loan was not paid back",
  },
  {
    ruleID: "salary",
    ...active,
    match: { eventType: "financial", eventSubtypes: ["salary_received"] },
    points: 1,
    cap: { n: 1, perMs: 20 * DAY },
    priority: 0,
    reason: "A regular income was received",
  },
  {
    ruleID: "tax-paid",
    ...active,
    match: { eventType: "financial", eventSubtypes: ["tax_paid"] },
    points: 8,
    cap: { n: 1, perMs: 90 * DAY },
    priority: 10,
    reason: "Taxes were paid",
  },
  {
    ruleID: "donation",
    ...active,
    match: { eventType: "financial", eventSubtypes: ["donation"] },
    when: { fact: "event.payload.amount", op: "gte", value: 5 },
    points: { clamp: [{ mul: [3, { log10: { fact: "event.payload.amount" } }] }, 1, 10] },
    cap: { n: 3, perMs: 7 * DAY },
    priority: 10,
    reason: "Money was given to others",
  },
  {
    ruleID: "gambling",
    ...active,
    match: { eventType: "financial", eventSubtypes: ["gambling"] },
    points: { clamp: [{ mul: [-2, { log10: { max: [{ fact: "event.payload.amount" }, 1] } }] }, -10, -0.5] },
    multipliers: [
      { when: { fact: "hour", op: "between", value: [0, 4] }, factor: 1.5 },
      {
        when: {
          any: [
            { fact: "tier", op: "eq", value: "restricted" },
            { fact: "score", op: "lt", value: 400 },
          ],
        },
        factor: 1.25,
      },
    ],
    cooldown: { ms: HOUR },
    priority: 10,
    reason: "Money was gambled with",
  },
  {
    ruleID: "local-purchase",
    ...active,
    match: { eventType: "financial", eventSubtypes: ["purchase"] },
    when: {
      all: [
        { fact: "event.payload.shop", op: "regex", value: "^local-" },
        { fact: "event.payload.amount", op: "between", value: [5, 500] },
      ],
    },
    points: 0.25,
    cap: { n: 2, perMs: DAY },
    priority: 0,
    reason: "Bought from a local shop",
  },
  {
    ruleID: "harbour-market",
    ...active,
    match: { eventType: "financial", eventSubtypes: ["purchase"] },
    when: { fact: "event.location", op: "within", value: { lat: 58.4, lon: 12.2, km: 8 } },
    points: 0.5,
    cooldown: { ms: DAY },
    priority: 5,
    reason: "Bought at the harbour market",
  },
];
