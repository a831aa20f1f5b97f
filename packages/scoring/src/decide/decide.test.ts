import { describe, expect, it } from "vitest";
import type { CitizenEvent } from "../event/event.js";
import type { ScoringConfiguration } from "../rules/configuration.js";
import { DEFAULT_CONFIGURATION } from "../rules/default-configuration.js";
import type { RuleDefinition } from "../rules/rule.js";
import { compileRuleSet } from "../rules/rule-set.js";
import { aCitizen, aReceived, aRule, SAMPLE_TIME } from "../testing/samples.js";
import type { DecisionState } from "./decide.js";
import { decide } from "./decide.js";
import type { Outcome } from "./outcome.js";
import type { RuleApplications } from "./rule-limits.js";
import { initialSnapshot, type ScoreSnapshot } from "./score-snapshot.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const PLAIN: ScoringConfiguration = { ...DEFAULT_CONFIGURATION, decay: { kind: "none" } };

type Decided = Extract<Outcome, { kind: "decided" }>;

interface Case {
  readonly rules?: readonly RuleDefinition[];
  readonly configuration?: Partial<ScoringConfiguration>;
  readonly event?: Partial<CitizenEvent>;
  readonly citizen?: Parameters<typeof aCitizen>[0];
  readonly snapshot?: Partial<ScoreSnapshot>;
  readonly applications?: Readonly<Record<string, RuleApplications>>;
  readonly stored?: DecisionState["stored"];
  readonly place?: Parameters<typeof aReceived>[1];
}

function outcome(given: Case): Outcome {
  const configuration = { ...PLAIN, ...given.configuration };
  return decide(
    aReceived(given.event, { partition: "0", offset: 100, ...given.place }),
    aCitizen(given.citizen),
    compileRuleSet("rules-7", given.rules ?? [aRule()]),
    configuration,
    {
      snapshot: { ...initialSnapshot(configuration), ...given.snapshot },
      stored: given.stored,
      applications: new Map(Object.entries(given.applications ?? {})),
    },
  );
}

function decided(given: Case): Decided {
  const result = outcome(given);
  if (result.kind !== "decided") throw new Error(`expected a decision, got ${result.kind}`);
  return result;
}

const heldBecause = (given: Case): Record<string, string> =>
  Object.fromEntries(decided(given).decision.held.map((rule) => [rule.ruleID, rule.because]));

function applied(...ats: number[]): RuleApplications {
  return {
    lastEventID: `e${ats.length}`,
    applications: ats.map((at, i) => ({ eventID: `e${i + 1}`, at: SAMPLE_TIME + at })),
  };
}

describe("decide: one late payment", () => {
  it("takes the points off and says all about it", () => {
    const { decision, next, claims } = decided({});
    expect(decision).toEqual({
      late: false,
      ruleSetVersion: "rules-7",
      configurationVersion: 1,
      before: { score: 600, raw: 600, tier: "standard" },
      after: { score: 590, raw: 590, tier: "standard" },
      points: -10,
      changes: [{ ruleID: "late-payment", ruleVersion: 1, delta: -10, reason: "A payment came late" }],
      held: [],
      version: 1,
    });
    expect(next).toEqual({
      score: 590,
      raw: 590,
      tier: "standard",
      lastCalculated: SAMPLE_TIME,
      lastEventAt: SAMPLE_TIME,
      version: 1,
      source: { partition: "0", offset: 100 },
    });
    expect(claims).toEqual([]);
  });

  it("multiplies points by every factor that holds, in thousandths", () => {
    const rules = [
      aRule({
        points: -3.3333,
        multipliers: [
          { when: { all: [] }, factor: 1.5 },
          { when: { fact: "citizen.flags", op: "in", value: ["student"] }, factor: 0.5 },
          { when: { any: [] }, factor: 9 },
        ],
      }),
    ];
    expect(decided({ rules, citizen: { flags: ["student"] } }).decision.points).toBe(-2.5);
    expect(decided({ rules }).decision.points).toBe(-5);
  });

  it("adds the rules that apply, in order of priority", () => {
    const rules = [
      aRule({ ruleID: "minor", points: 1, priority: 1 }),
      aRule({ ruleID: "major", points: -5, priority: 2 }),
    ];
    const { changes, points } = decided({ rules }).decision;
    expect(changes.map((change) => [change.ruleID, change.delta])).toEqual([
      ["major", -5],
      ["minor", 1],
    ]);
    expect(points).toBe(-4);
  });
});

describe("decide: what comes before the rules", () => {
  const stored = { decision: decided({}).decision, digest: "d", partition: "0", offset: 100 };

  it("emits the stored decision again for the same message, whatever has changed since", () => {
    const later = {
      rules: [],
      snapshot: { version: 9, raw: 1 },
      citizen: { consent: { scoring: false, profiling: false, graph: false, marketing: false } },
    };
    expect(outcome({ ...later, stored })).toEqual({ kind: "repeated", decision: stored.decision });
  });

  it("tells a copy from a contradiction", () => {
    expect(outcome({ stored, place: { offset: 101, digest: "d" } })).toEqual({ kind: "duplicate" });
    expect(outcome({ stored, place: { offset: 101, digest: "other" } })).toEqual({ kind: "conflict" });
    expect(outcome({ stored, place: { partition: "1", digest: "d" } })).toEqual({ kind: "duplicate" });
  });

  it("archives only without consent: the score stays, the version grows", () => {
    const consent = { scoring: false, profiling: true, graph: true, marketing: true };
    const { decision, next, claims } = decided({
      citizen: { consent },
      snapshot: { version: 4, lastEventAt: 5, lastCalculated: 5 },
    });
    expect(decision).toMatchObject({ archivedBecause: "consent", points: 0, changes: [], held: [], version: 5 });
    expect(next).toMatchObject({
      score: 600,
      raw: 600,
      version: 5,
      lastEventAt: SAMPLE_TIME,
      lastCalculated: 5,
      source: { offset: 100 },
    });
    expect(claims).toEqual([]);
  });

  it("archives only what is more than the lateness behind the citizen's newest event", () => {
    const at = (behind: number): Decided =>
      decided({ configuration: { latenessMs: HOUR }, snapshot: { lastEventAt: SAMPLE_TIME + behind } });
    expect(at(HOUR).decision.archivedBecause).toBeUndefined();
    expect(at(HOUR + 1).decision).toMatchObject({ archivedBecause: "too-late", late: true });
    expect(at(HOUR + 1).next.lastEventAt).toBe(SAMPLE_TIME + HOUR + 1);
  });

  it("never scores a message twice, even when its decision is forgotten", () => {
    const source = { partition: "0", offset: 100 };
    expect(decided({ snapshot: { source } }).decision.archivedBecause).toBe("already-applied");
    expect(decided({ snapshot: { source }, place: { offset: 101 } }).decision.archivedBecause).toBeUndefined();
    expect(decided({ snapshot: { source }, place: { partition: "1" } }).decision.archivedBecause).toBeUndefined();
  });
});

describe("decide: why a rule gives nothing", () => {
  it("validity, from included, to excluded", () => {
    const rules = [aRule({ validFrom: SAMPLE_TIME, validTo: SAMPLE_TIME + 10 })];
    expect(heldBecause({ rules })).toEqual({});
    expect(heldBecause({ rules, event: { occurredAt: SAMPLE_TIME - 1 } })).toEqual({ "late-payment": "validity" });
    expect(heldBecause({ rules, event: { occurredAt: SAMPLE_TIME + 10 } })).toEqual({ "late-payment": "validity" });
  });

  it("condition, and an expression without its fact", () => {
    expect(heldBecause({ rules: [aRule({ when: { any: [] } })] })).toEqual({ "late-payment": "condition" });
    expect(heldBecause({ rules: [aRule({ points: { fact: "event.payload.none" } })] })).toEqual({
      "late-payment": "error",
    });
    expect(heldBecause({ rules: [aRule({ points: { div: [1, 0] } })] })).toEqual({ "late-payment": "error" });
  });

  it("cooldown, before and after in event time", () => {
    const rules = [aRule({ cooldown: { ms: HOUR } })];
    const held = (...ats: number[]): object =>
      heldBecause({ rules, applications: { "late-payment": applied(...ats) } });
    expect(held(-HOUR)).toEqual({});
    expect(held(-HOUR + 1)).toEqual({ "late-payment": "cooldown" });
    expect(held(HOUR - 1)).toEqual({ "late-payment": "cooldown" });
    expect(held(HOUR)).toEqual({});
  });

  it("cap: at most n in any interval of its length", () => {
    const rules = [aRule({ cap: { n: 2, perMs: HOUR } })];
    const held = (...ats: number[]): object =>
      heldBecause({ rules, applications: { "late-payment": applied(...ats) } });
    expect(held(-1)).toEqual({});
    expect(held(-2, -1)).toEqual({ "late-payment": "cap" });
    expect(held(-HOUR, -1)).toEqual({});
    expect(held(-30 * 60_000, 30 * 60_000)).toEqual({});
    expect(held(-20 * 60_000, 20 * 60_000)).toEqual({ "late-payment": "cap" });
    expect(held(1, 2)).toEqual({ "late-payment": "cap" });
  });

  it("group: the first that applies closes it, one that is held does not", () => {
    const group = { name: "g", stacking: "first" } as const;
    const rules = [
      aRule({ ruleID: "rule-a", priority: 3, group, when: { any: [] } }),
      aRule({ ruleID: "rule-b", priority: 2, group }),
      aRule({ ruleID: "rule-c", priority: 1, group }),
    ];
    expect(heldBecause({ rules })).toEqual({ "rule-a": "condition", "rule-c": "group" });
    expect(decided({ rules }).decision.changes.map((change) => change.ruleID)).toEqual(["rule-b"]);
  });

  it("strongest: only the largest change of its group stays, and only it is claimed", () => {
    const group = { name: "g", stacking: "strongest" } as const;
    const cooldown = { ms: 5 };
    const rules = [
      aRule({ ruleID: "weak", points: 3, group, cooldown, priority: 9 }),
      aRule({ ruleID: "strong", points: -8, group, cooldown }),
      aRule({ ruleID: "beside", points: 1 }),
    ];
    const { decision, claims } = decided({ rules });
    expect(decision.points).toBe(-7);
    expect(decision.held).toEqual([{ ruleID: "weak", ruleVersion: 1, because: "group" }]);
    expect(claims.map((claim) => claim.ruleID)).toEqual(["strong"]);
  });
});

describe("decide: claims", () => {
  const rules = [aRule({ cooldown: { ms: HOUR } })];
  const mine = { eventID: aReceived().event.eventID, at: SAMPLE_TIME };

  it("names what was seen and what is to be", () => {
    const [claim] = decided({ rules, applications: { "late-payment": applied(-2 * HOUR) } }).claims;
    expect(claim).toEqual({
      ruleID: "late-payment",
      seen: "e1",
      next: { lastEventID: mine.eventID, applications: [{ eventID: "e1", at: SAMPLE_TIME - 2 * HOUR }, mine] },
      keepMs: HOUR + PLAIN.latenessMs,
    });
    expect(decided({ rules }).claims[0]?.seen).toBeUndefined();
  });

  it("is not in the way of its own second try", () => {
    const before = { lastEventID: mine.eventID, applications: [mine] };
    const again = decided({ rules, applications: { "late-payment": before } });
    expect(again.decision.points).toBe(-10);
    expect(again.claims[0]).toMatchObject({ seen: mine.eventID, next: before });
  });

  it("drops applications nothing can ask for any more", () => {
    const oldest = -(HOUR + PLAIN.latenessMs);
    const next = (at: number): number =>
      decided({ rules, applications: { "late-payment": applied(at) } }).claims[0]?.next.applications.length ?? 0;
    expect(next(oldest)).toBe(2);
    expect(next(oldest - 1)).toBe(1);
  });
});

describe("decide: from points to score", () => {
  it("clamps what one event may do, and says so", () => {
    const { decision } = decided({ rules: [aRule({ points: -80 })] });
    expect(decision.points).toBe(-50);
    expect(decision.after.score).toBe(550);
    expect(decision.changes.map((change) => [change.ruleID, change.delta])).toEqual([
      ["late-payment", -80],
      ["#clamp", 30],
    ]);
  });

  it("decays the old score to the event before it adds", () => {
    const { decision, next } = decided({
      configuration: { decay: { kind: "exponential", halfLifeDays: 10 } },
      snapshot: {
        raw: 700,
        score: 700,
        tier: "trusted",
        lastCalculated: SAMPLE_TIME - 10 * DAY,
        lastEventAt: SAMPLE_TIME - 10 * DAY,
      },
    });
    expect(decision.changes.map((change) => [change.ruleID, change.delta])).toEqual([
      ["#decay", -50],
      ["late-payment", -10],
    ]);
    expect(decision.after).toEqual({ score: 640, raw: 640, tier: "trusted" });
    expect(next.lastCalculated).toBe(SAMPLE_TIME);
  });

  it("does not decay backwards for an event out of order, and adds its points now", () => {
    const { decision, next } = decided({
      configuration: { decay: { kind: "linear", ratePerDay: 5 } },
      snapshot: { raw: 700, lastCalculated: SAMPLE_TIME + HOUR, lastEventAt: SAMPLE_TIME + HOUR },
    });
    expect(decision.late).toBe(true);
    expect(decision.after.raw).toBe(690);
    expect(next).toMatchObject({ lastCalculated: SAMPLE_TIME + HOUR, lastEventAt: SAMPLE_TIME + HOUR });
  });

  it("stays within the bounds, and says so", () => {
    const { decision } = decided({ snapshot: { raw: 4, score: 4, tier: "restricted" } });
    expect(decision.after).toEqual({ score: 0, raw: 0, tier: "restricted" });
    expect(decision.changes.at(-1)).toMatchObject({ ruleID: "#bounds", delta: 6 });
  });

  it.each([
    ["nearest", 590, 589.5],
    ["nearest", 589, 589.49],
    ["down", 589, 589.9],
    ["up", 590, 589.1],
  ] as const)("rounds %s", (rounding, score, raw) => {
    const { after } = decided({ rules: [], configuration: { rounding }, snapshot: { raw } }).decision;
    expect(after).toMatchObject({ score, raw });
  });

  it("changes the tier up at its min and down below the hysteresis", () => {
    const tierAt = (raw: number, tier: string): string =>
      decided({ rules: [], snapshot: { raw, tier } }).decision.after.tier;
    expect(tierAt(640, "standard")).toBe("trusted");
    expect(tierAt(639, "standard")).toBe("standard");
    expect(tierAt(632, "trusted")).toBe("trusted");
    expect(tierAt(631, "trusted")).toBe("standard");
    expect(tierAt(300, "exemplary")).toBe("restricted");
    expect(tierAt(800, "no-such-tier")).toBe("exemplary");
  });
});
