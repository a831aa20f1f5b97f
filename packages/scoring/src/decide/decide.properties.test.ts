import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { EventType, Payload } from "../event/event.js";
import type { Decay, ScoringConfiguration } from "../rules/configuration.js";
import { DEFAULT_CONFIGURATION } from "../rules/default-configuration.js";
import { DEFAULT_RULES } from "../rules/default-rules.js";
import { compileRuleSet } from "../rules/rule-set.js";
import { aCitizen, aReceived, aRule, SAMPLE_TIME } from "../testing/samples.js";
import { decayed } from "./decay.js";
import { decide } from "./decide.js";
import type { Outcome, StoredDecision } from "./outcome.js";
import type { Application, RuleApplications } from "./rule-limits.js";
import { initialSnapshot, type ScoreSnapshot } from "./score-snapshot.js";
import { tierFor } from "./tiers.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const RULES = compileRuleSet("default", DEFAULT_RULES);
const CITIZEN = aCitizen({ flags: ["hardship"] });

const KINDS: readonly (readonly [type: EventType, subtype: string, payload: Payload])[] = [
  ["financial", "late_payment", { daysLate: 40, amount: 2_000 }],
  ["financial", "late_payment", { daysLate: 2, amount: 20 }],
  ["financial", "loan_default", { amount: 9_000 }],
  ["financial", "gambling", { amount: 300 }],
  ["financial", "donation", { amount: 500 }],
  ["social", "volunteering", { hours: 8 }],
  ["social", "community_award", { level: "national" }],
  ["social", "traffic_violation", { kmhOver: 30, redLight: true }],
  ["online", "post_flagged", { confidence: 0.9, reach: 50_000, reports: 5 }],
  ["relationship", "family_care", {}],
];

/** Events of one citizen as they might come: kinds the rules know, times forth and back. */
const events = fc.array(
  fc.record({ kind: fc.constantFrom(...KINDS), step: fc.integer({ min: -2 * DAY, max: 3 * DAY }) }),
  {
    minLength: 1,
    maxLength: 60,
  },
);

interface Step {
  readonly outcome: Outcome;
  readonly snapshot: ScoreSnapshot;
}

/** The plainest possible scorer: reads, decides, writes. */
function run(
  input: readonly { kind: (typeof KINDS)[number]; step: number }[],
  configuration: ScoringConfiguration,
): Step[] {
  let snapshot = initialSnapshot(configuration);
  let at = SAMPLE_TIME;
  const applications = new Map<string, RuleApplications>();
  return input.map(({ kind, step }, offset) => {
    at += step;
    const [eventType, eventSubtype, payload] = kind;
    const event = { eventID: `e-${offset}`, eventType, eventSubtype, payload, occurredAt: at };
    const outcome = decide(aReceived(event, { offset }), CITIZEN, RULES, configuration, {
      snapshot,
      stored: undefined,
      applications,
    });
    if (outcome.kind !== "decided") throw new Error("every event here is new");
    for (const claim of outcome.claims) applications.set(claim.ruleID, claim.next);
    snapshot = outcome.next;
    return { outcome, snapshot };
  });
}

describe("decide, whatever happens", () => {
  const configuration: ScoringConfiguration = {
    ...DEFAULT_CONFIGURATION,
    decay: { kind: "exponential", halfLifeDays: 3 },
  };

  it("keeps scores in bounds, changes in the clamp, and the sum of all deltas equal to the way from the baseline", () => {
    fc.assert(
      fc.property(events, (input) => {
        let sum = 0;
        for (const { outcome, snapshot } of run(input, configuration)) {
          if (outcome.kind !== "decided") continue;
          const { points, changes, before, after } = outcome.decision;
          expect(points).toBeGreaterThanOrEqual(configuration.perEvent.min);
          expect(points).toBeLessThanOrEqual(configuration.perEvent.max);
          expect(snapshot.raw).toBeGreaterThanOrEqual(configuration.bounds.min);
          expect(snapshot.raw).toBeLessThanOrEqual(configuration.bounds.max);
          expect(snapshot.score).toBe(Math.round(snapshot.raw));
          const delta = changes.reduce((total, change) => total + change.delta, 0);
          expect(delta).toBeCloseTo(after.raw - before.raw, 9);
          sum += delta;
          expect(snapshot.raw - configuration.baseline).toBeCloseTo(sum, 6);
        }
      }),
    );
  });

  it("has versions without gaps and a newest event time that never goes back", () => {
    fc.assert(
      fc.property(events, (input) => {
        let newest = Number.NEGATIVE_INFINITY;
        run(input, configuration).forEach(({ snapshot }, i) => {
          expect(snapshot.version).toBe(i + 1);
          expect(snapshot.lastEventAt).toBeGreaterThanOrEqual(newest);
          newest = snapshot.lastEventAt as number;
        });
      }),
    );
  });

  it("is pure: frozen arguments, equal results", () => {
    fc.assert(
      fc.property(events, (input) => {
        expect(run(deepFrozen(input), deepFrozen(configuration))).toEqual(run(input, configuration));
      }),
    );
  });

  it("repeats what was stored: deciding twice is deciding once", () => {
    fc.assert(
      fc.property(events, fc.nat(), (input, pick) => {
        const steps = run(input, configuration);
        const offset = pick % steps.length;
        const { outcome } = steps[offset] as Step;
        const { snapshot } = steps.at(-1) as Step;
        if (outcome.kind !== "decided") return;
        const stored: StoredDecision = { decision: outcome.decision, digest: "x", partition: "0", offset };
        const again = decide(aReceived({}, { offset }), CITIZEN, RULES, configuration, {
          snapshot,
          stored,
          applications: new Map(),
        });
        expect(again).toEqual({ kind: "repeated", decision: outcome.decision });
      }),
    );
  });
});

function deepFrozen<T>(value: T): T {
  if (typeof value === "object" && value !== null)
    for (const inner of Object.values(Object.freeze(value))) deepFrozen(inner);
  return value;
}

describe("cooldown and cap, against the whole history", () => {
  const times = fc.array(fc.integer({ min: 0, max: 6 * HOUR }), { maxLength: 60 });
  const configuration: ScoringConfiguration = { ...DEFAULT_CONFIGURATION, latenessMs: DAY };

  function appliedTimes(rule: Parameters<typeof aRule>[0], ats: readonly number[]): number[] {
    const rules = compileRuleSet("t", [aRule(rule)]);
    let snapshot = initialSnapshot(configuration);
    let known: RuleApplications | undefined;
    const fired: Application[] = [];
    ats.forEach((at, offset) => {
      const applications = new Map(known === undefined ? [] : [["late-payment", known]]);
      const received = aReceived({ eventID: `e-${offset}`, occurredAt: SAMPLE_TIME + at }, { offset });
      const outcome = decide(received, CITIZEN, rules, configuration, { snapshot, stored: undefined, applications });
      if (outcome.kind !== "decided") return;
      snapshot = outcome.next;
      if (outcome.claims[0] === undefined) return;
      known = outcome.claims[0].next;
      fired.push({ eventID: `e-${offset}`, at });
    });
    return fired.map((each) => each.at);
  }

  it("no two applications are closer than the cooldown, in any order of arrival", () => {
    fc.assert(
      fc.property(times, fc.integer({ min: 1, max: 2 * HOUR }), (ats, ms) => {
        const fired = appliedTimes({ cooldown: { ms } }, ats).sort((a, b) => a - b);
        for (let i = 1; i < fired.length; i++)
          expect((fired[i] as number) - (fired[i - 1] as number)).toBeGreaterThanOrEqual(ms);
        if (ats.length > 0) expect(fired.length).toBeGreaterThan(0);
      }),
    );
  });

  it("no interval of the cap's length holds more than n, and a refusal has n to show", () => {
    fc.assert(
      fc.property(times, fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 2 * HOUR }), (ats, n, perMs) => {
        const fired = appliedTimes({ cap: { n, perMs } }, ats);
        for (const start of fired) {
          expect(fired.filter((at) => at >= start && at < start + perMs).length).toBeLessThanOrEqual(n);
        }
        for (const at of ats) {
          if (!fired.includes(at))
            expect(fired.filter((other) => Math.abs(other - at) < perMs).length).toBeGreaterThanOrEqual(n);
        }
      }),
    );
  });
});

describe("decay", () => {
  const decays = fc.oneof(
    fc.constant<Decay>({ kind: "none" }),
    fc.double({ min: 0.1, max: 50, noNaN: true }).map((ratePerDay): Decay => ({ kind: "linear", ratePerDay })),
    fc
      .double({ min: 0.1, max: 500, noNaN: true })
      .map((halfLifeDays): Decay => ({ kind: "exponential", halfLifeDays })),
  );
  const raws = fc.double({ min: 0, max: 1_000, noNaN: true });
  const spans = fc.integer({ min: 0, max: 400 * DAY });

  it("gives the same in two steps as in one", () => {
    fc.assert(
      fc.property(raws, spans, spans, decays, (raw, first, second, decay) => {
        const once = decayed(raw, 600, first + second, decay);
        const twice = decayed(decayed(raw, 600, first, decay), 600, second, decay);
        expect(twice).toBeCloseTo(once, 6);
      }),
    );
  });

  it("goes towards the baseline, never past it, and not back in time", () => {
    fc.assert(
      fc.property(raws, spans, decays, (raw, span, decay) => {
        const later = decayed(raw, 600, span, decay);
        expect(Math.abs(later - 600)).toBeLessThanOrEqual(Math.abs(raw - 600));
        expect(Math.sign(later - 600) * Math.sign(raw - 600)).toBeGreaterThanOrEqual(0);
        expect(decayed(raw, 600, -span, decay)).toBe(raw);
      }),
    );
  });

  it("halves the distance in a half-life, and goes its rate a day", () => {
    expect(decayed(700, 600, 10 * DAY, { kind: "exponential", halfLifeDays: 10 })).toBe(650);
    expect(decayed(500, 600, 2 * DAY, { kind: "linear", ratePerDay: 30 })).toBe(560);
    expect(decayed(590, 600, 2 * DAY, { kind: "linear", ratePerDay: 30 })).toBe(600);
    expect(decayed(500, 600, 2 * DAY, { kind: "none" })).toBe(500);
  });
});

describe("tiers", () => {
  const { tiers } = DEFAULT_CONFIGURATION;
  const scores = fc.array(fc.integer({ min: 0, max: 1_000 }), { maxLength: 50 });

  it("without hysteresis is the highest tier reached", () => {
    const sharp = tiers.map((tier) => ({ ...tier, hysteresis: 0 }));
    fc.assert(
      fc.property(scores, (walk) => {
        let tier: string | undefined;
        for (const score of walk) {
          tier = tierFor(sharp, score, tier);
          expect(tier).toBe(sharp.filter((each) => each.min <= score).at(-1)?.name);
        }
      }),
    );
  });

  it("changes at most once while a score moves by no more than the hysteresis around a border", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...tiers.slice(1)),
        fc.array(fc.nat(), { minLength: 1, maxLength: 50 }),
        ({ min, hysteresis }, steps) => {
          let tier: string | undefined = tierFor(tiers, min, undefined);
          for (const step of steps) {
            const next = tierFor(tiers, min - hysteresis + (step % (2 * hysteresis + 1)), tier);
            expect(next).toBe(tier);
            tier = next;
          }
        },
      ),
    );
  });
});
