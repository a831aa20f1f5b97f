import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { aCitizen, anEvent } from "../testing/samples.js";
import { compileCondition } from "./compile-condition.js";
import { type Condition, conditionSchema } from "./condition.js";
import { compileExpression, type Expression, expressionSchema } from "./expression.js";
import type { Facts } from "./facts.js";

const FACTS: Facts = {
  event: anEvent({
    eventType: "financial",
    eventSubtype: "late_payment",
    occurredAt: Date.UTC(2025, 0, 6, 13, 30),
    location: { region: "north", lat: 52.52, lon: 13.405 },
    payload: { amount: 120, daysLate: 3, shop: "shop-17", tags: ["a", "b"], deep: { level: 2 } },
  }),
  citizen: aCitizen({ birthYear: 1990, flags: ["student"] }),
  score: 580,
  tier: "standard",
};

function holds(condition: unknown): boolean {
  return compileCondition(conditionSchema.parse(condition))(FACTS);
}

describe("conditions", () => {
  it.each([
    [{ fact: "event.payload.amount", op: "eq", value: 120 }, true],
    [{ fact: "event.payload.amount", op: "eq", value: "120" }, false],
    [{ fact: "event.payload.amount", op: "ne", value: 120 }, false],
    [{ fact: "event.payload.none", op: "ne", value: 120 }, true],
    [{ fact: "event.payload.none", op: "eq", value: 120 }, false],
    [{ fact: "event.payload.amount", op: "gt", value: 119 }, true],
    [{ fact: "event.payload.amount", op: "gt", value: 120 }, false],
    [{ fact: "event.payload.amount", op: "gte", value: 120 }, true],
    [{ fact: "event.payload.amount", op: "lt", value: 120 }, false],
    [{ fact: "event.payload.amount", op: "lte", value: 120 }, true],
    [{ fact: "event.payload.none", op: "lt", value: 1 }, false],
    [{ fact: "event.payload.shop", op: "gt", value: 0 }, false],
    [{ fact: "event.eventSubtype", op: "in", value: ["late_payment", "default"] }, true],
    [{ fact: "event.eventSubtype", op: "nin", value: ["late_payment"] }, false],
    [{ fact: "event.payload.none", op: "nin", value: ["x"] }, false],
    [{ fact: "citizen.flags", op: "in", value: ["student"] }, true],
    [{ fact: "citizen.flags", op: "nin", value: ["veteran"] }, true],
    [{ fact: "event.payload.tags", op: "in", value: ["b"] }, true],
    [{ fact: "event.payload.amount", op: "exists", value: true }, true],
    [{ fact: "event.payload.none", op: "exists", value: false }, true],
    [{ fact: "event.payload.constructor", op: "exists", value: true }, false],
    [{ fact: "event.payload.deep.level", op: "eq", value: 2 }, true],
    [{ fact: "event.payload.deep.toString", op: "exists", value: true }, false],
    [{ fact: "event.payload.amount", op: "between", value: [120, 130] }, true],
    [{ fact: "event.payload.amount", op: "between", value: [121, 130] }, false],
    [{ fact: "event.payload.shop", op: "startsWith", value: "shop-" }, true],
    [{ fact: "event.payload.shop", op: "regex", value: "^shop-\\d+$" }, true],
    [{ fact: "event.payload.amount", op: "regex", value: "1" }, false],
    [{ fact: "event.location", op: "within", value: { lat: 52.5, lon: 13.4, km: 5 } }, true],
    [{ fact: "event.location", op: "within", value: { lat: 48.1, lon: 11.6, km: 400 } }, false],
    [{ fact: "event.location", op: "within", value: { lat: 48.137, lon: 11.575, km: 510 } }, true],
    [{ fact: "event.payload", op: "within", value: { lat: 0, lon: 0, km: 1 } }, false],
    [{ fact: "score", op: "lt", value: 600 }, true],
    [{ fact: "tier", op: "eq", value: "standard" }, true],
    [{ fact: "hour", op: "eq", value: 13 }, true],
    [{ fact: "weekday", op: "eq", value: 1 }, true],
    [{ fact: "citizen.age", op: "eq", value: 35 }, true],
    [{ all: [] }, true],
    [{ any: [] }, false],
    [{ not: { any: [] } }, true],
  ] as [Condition, boolean][])("%j is %s", (condition, expected) => {
    expect(holds(condition)).toBe(expected);
  });

  it.each([
    [{ fact: "event.payload.amount", op: "like", value: 1 }],
    [{ fact: "event.payload.amount", op: "gt", value: "1" }],
    [{ fact: "event.payload.amount", op: "gt", value: Number.NaN }],
    [{ fact: "amount", op: "gt", value: 1 }],
    [{ fact: "event.payload.a b", op: "gt", value: 1 }],
    [{ fact: "event.payload.x", op: "regex", value: "(a+)+" }],
    [{ fact: "event.payload.x", op: "between", value: [2, 1] }],
    [{ fact: "event.payload.x", op: "eq", value: 1, extra: 1 }],
    [{ all: [], any: [] }],
    [{}],
    [{ all: Array.from({ length: 33 }, () => ({ all: [] })) }],
    [Array.from({ length: 9 }).reduce<unknown>((inner) => ({ not: inner }), { all: [] })],
  ])("refuses %j", (condition) => {
    expect(conditionSchema.safeParse(condition).success).toBe(false);
  });

  it("joins like Boolean algebra, for one, two and many parts", () => {
    const leaf = fc.boolean();
    fc.assert(
      fc.property(fc.array(leaf, { maxLength: 5 }), (truths) => {
        const parts = truths.map((truth): Condition => (truth ? { all: [] } : { any: [] }));
        expect(holds({ all: parts })).toBe(truths.every(Boolean));
        expect(holds({ any: parts })).toBe(truths.some(Boolean));
        expect(holds({ not: { all: parts } })).toBe(!truths.every(Boolean));
      }),
    );
  });
});

describe("expressions", () => {
  it.each([
    [5, 5],
    [{ fact: "event.payload.daysLate" }, 3],
    [{ add: [1, 2, { fact: "event.payload.daysLate" }] }, 6],
    [{ mul: [-2, { fact: "event.payload.daysLate" }] }, -6],
    [{ sub: [1, 3] }, -2],
    [{ div: [{ fact: "event.payload.amount" }, 40] }, 3],
    [{ min: [4, 2, 3] }, 2],
    [{ max: [4, 2, 9] }, 9],
    [{ log10: 1000 }, 3],
    [{ clamp: [{ fact: "event.payload.amount" }, 0, 50] }, 50],
    [{ fact: "event.payload.none" }, Number.NaN],
    [{ add: [1, { fact: "event.payload.shop" }] }, Number.NaN],
    [{ clamp: [{ fact: "event.payload.none" }, 0, 50] }, Number.NaN],
    [{ max: [{ fact: "event.payload.none" }, 0] }, Number.NaN],
  ] as [Expression, number][])("%j is %s", (expression, expected) => {
    expect(compileExpression(expressionSchema.parse(expression))(FACTS)).toBe(expected);
  });

  it.each([[{ pow: [1, 2] }], [{ fact: "amount" }], [{ add: [] }], ["1"], [{ clamp: [1, 2, 1] }]])(
    "refuses %j",
    (expression) => {
      expect(expressionSchema.safeParse(expression).success).toBe(false);
    },
  );
});
