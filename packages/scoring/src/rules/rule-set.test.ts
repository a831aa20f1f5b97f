import { describe, expect, it } from "vitest";
import { aRule } from "../testing/samples.js";
import { configurationSchema } from "./configuration.js";
import { DEFAULT_CONFIGURATION } from "./default-configuration.js";
import { DEFAULT_RULES } from "./default-rules.js";
import { compileRuleSet, type RuleSetError } from "./rule-set.js";

function ids(rules: readonly { readonly ruleID: string }[]): string[] {
  return rules.map((rule) => rule.ruleID);
}

function problems(...definitions: unknown[]): readonly string[] {
  try {
    compileRuleSet("t", definitions);
  } catch (error) {
    return (error as RuleSetError).problems;
  }
  return [];
}

describe("compileRuleSet", () => {
  it("finds rules by type and subtype, the highest priority first, equal ones by id", () => {
    const set = compileRuleSet("t", [
      aRule({ ruleID: "low", priority: 1 }),
      aRule({ ruleID: "high", priority: 9 }),
      aRule({ ruleID: "b-same", priority: 5 }),
      aRule({ ruleID: "a-same", priority: 5 }),
      aRule({ ruleID: "other", match: { eventType: "financial", eventSubtypes: ["gambling"] } }),
      aRule({ ruleID: "whole-type", priority: 7, match: { eventType: "financial" } }),
      aRule({ ruleID: "other-type", match: { eventType: "social" } }),
    ]);
    expect(ids(set.rulesFor("financial", "late_payment"))).toEqual(["high", "whole-type", "a-same", "b-same", "low"]);
    expect(ids(set.rulesFor("financial", "never_seen"))).toEqual(["whole-type"]);
    expect(ids(set.rulesFor("online", "late_payment"))).toEqual([]);
  });

  it("leaves out rules that are not active", () => {
    const set = compileRuleSet("t", [
      aRule({ ruleID: "draft", status: "draft" }),
      aRule({ ruleID: "paused", status: "paused" }),
      aRule({ ruleID: "retired", status: "retired" }),
      aRule({ ruleID: "in-force" }),
    ]);
    expect(ids(set.rulesFor("financial", "late_payment"))).toEqual(["in-force"]);
  });

  it("says every problem, with the rule's name", () => {
    expect(problems(aRule({ ruleID: "twice" }), aRule({ ruleID: "twice" }))).toEqual([
      "rule twice is there twice; a set has one version of each",
    ]);
    const found = problems(aRule({ ruleID: "bad-fact", points: { fact: "amount" } }), { ruleID: "bad-shape" }, null);
    expect(found).toHaveLength(3);
    expect(found[0]).toMatch(/^rule bad-fact: /);
    expect(found[1]).toMatch(/^rule bad-shape: /);
    expect(found[2]).toMatch(/^rule number 2: /);
  });

  it("refuses a group that stacks in two ways, and a validity that ends before it begins", () => {
    const one = aRule({ ruleID: "one", group: { name: "g", stacking: "first" } });
    const two = aRule({ ruleID: "two", group: { name: "g", stacking: "all" } });
    expect(problems(one, two)).toEqual(['rule two: group g stacks as "first" in another rule']);
    expect(problems(aRule({ validFrom: 2, validTo: 2 }))[0]).toMatch(/validFrom must be before validTo/);
  });

  it("knows how long applications matter", () => {
    const set = compileRuleSet("t", [
      aRule({ ruleID: "cooldown", cooldown: { ms: 50 } }),
      aRule({ ruleID: "cap", cap: { n: 1, perMs: 70 } }),
      aRule({ ruleID: "off", status: "paused", cooldown: { ms: 900 } }),
    ]);
    expect(set.longestLimitMs).toBe(70);
  });
});

describe("the default rules", () => {
  it("compile, and there are enough of them to be worth a demo", () => {
    const set = compileRuleSet("default", DEFAULT_RULES);
    expect(DEFAULT_RULES.length).toBeGreaterThanOrEqual(15);
    expect(set.rulesFor("financial", "late_payment").length).toBe(2);
  });
});

describe("configurationSchema", () => {
  const bad = (change: object): boolean =>
    !configurationSchema.safeParse({ ...DEFAULT_CONFIGURATION, ...change }).success;

  it.each([
    [{ bounds: { min: 10, max: 10 } }],
    [{ baseline: 2_000 }],
    [{ tiers: [] }],
    [{ tiers: [{ name: "a", min: 5, hysteresis: 0 }] }],
    [
      {
        tiers: [
          { name: "a", min: 0, hysteresis: 0 },
          { name: "b", min: 0, hysteresis: 0 },
        ],
      },
    ],
    [
      {
        tiers: [
          { name: "a", min: 0, hysteresis: 0 },
          { name: "a", min: 5, hysteresis: 0 },
        ],
      },
    ],
    [{ decay: { kind: "linear", ratePerDay: 0 } }],
    [{ perEvent: { min: 1, max: 2 } }],
    [{ latenessMs: -1 }],
    [{ more: 1 }],
  ])("refuses %j", (change) => {
    expect(bad(change)).toBe(true);
  });

  it("takes the default", () => {
    expect(bad({})).toBe(false);
  });
});
