import { afterEach, describe, expect, it, vi } from "vitest";
import { batchOf, StageHarness } from "../../test/stage-harness.js";
import { type Aggregate, aggregates } from "./aggregate.js";
import { numericContent } from "./numeric-content.js";
import { session } from "./session.js";
import { sliding } from "./sliding.js";
import { tumbling } from "./tumbling.js";
import type { WindowSpec } from "./window.js";
import { window } from "./window-operator.js";

interface Payment {
  readonly id: string;
  readonly amount: number;
}
const by = aggregates<Payment>();

/** The results of one window or session over these values, by every kind of window. */
function results(
  all: Record<string, Aggregate<Payment, unknown, unknown>>,
  values: readonly [time: number, id: string, amount: number][],
): unknown[] {
  const specs: WindowSpec[] = [tumbling({ size: 100 }), sliding({ size: 100, slide: 50 }), session({ gap: 60 })];
  return specs.map((spec) => {
    const h = new StageHarness(window("w", spec, {}, { kind: "aggregate", aggregates: all }, true));
    for (const [time, id, amount] of values) {
      h.sendBatch(batchOf([{ value: { id, amount }, key: "k", time }]));
      h.restart();
    }
    h.watermark(1_000);
    const found = h.take() as { window: { start: number }; value: unknown }[];
    return (spec.kind === "session" ? found[0] : found.find(({ window: { start } }) => start === 0))?.value;
  });
}

describe("aggregates", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  it("count, sum, average, min, max, distinct", () => {
    const all = {
      n: by.count(),
      sum: by.sum(({ amount }) => amount),
      mean: by.average(({ amount }) => amount),
      low: by.min(({ amount }) => amount),
      high: by.max(({ amount }) => amount),
      kinds: by.distinct(({ id }) => id),
    };
    const expected = { n: 4, sum: 7.5, mean: 1.875, low: 1.5, high: 2.25, kinds: 2 };
    expect(
      results(all, [
        [0, "a", 1.5],
        [60, "b", 2.25],
        [10, "a", 1.5],
        [99, "a", 2.25],
      ]),
    ).toEqual([expected, expected, expected]);
  });

  it("first and last by time; of equal times the one that came first, and the one that came last", () => {
    const all = { first: by.first(), last: by.last() };
    const values: [number, string, number][] = [
      [50, "a", 1],
      [10, "b", 2],
      [10, "c", 3],
      [60, "d", 4],
      [60, "e", 5],
      [30, "f", 6],
    ];
    const expected = { first: { id: "b", amount: 2 }, last: { id: "e", amount: 5 } };
    expect(results(all, values)).toEqual([expected, expected, expected]);
  });

  it("of one's own, beside others", () => {
    const longest = by.of({
      init: () => "",
      add: (held: string, { id }) => (id.length > held.length ? id : held),
      merge: (left: string, right: string) => (right.length > left.length ? right : left),
      result: (held: string) => held.toUpperCase(),
    });
    const expected = { longest: "CCC", n: 3 };
    expect(
      results({ longest, n: by.count() }, [
        [0, "a", 1],
        [70, "ccc", 1],
        [20, "bb", 1],
      ]),
    ).toEqual([expected, expected, expected]);
  });

  it("refuse what is no number, and leave all of them as they were", () => {
    const all = { n: by.count(), sum: by.sum(({ amount }) => amount), kinds: by.distinct(({ id }) => id) };
    for (const aggregatesOf of [all, { n: all.n, sum: all.sum }]) {
      const h = new StageHarness(
        window(
          "w",
          tumbling({ size: 10 }),
          {},
          { kind: "aggregate", aggregates: aggregatesOf as Record<string, Aggregate<Payment, unknown, unknown>> },
          true,
        ),
        { onError: "skip" },
      );
      for (const amount of [1, undefined, 2]) h.send([{ id: String(amount), amount }], { key: "k", time: 1 });
      h.watermark(9);
      expect(String(h.errors[0]?.error)).toMatch(
        /TypeError: by\.sum\(\) needs a number of each value; it got undefined/,
      );
      expect(h.take()).toMatchObject([{ value: { n: 2, sum: 3 } }]);
    }
  });

  it("of numbers work where code generation is disallowed", () => {
    vi.stubGlobal("Function", function disallowed() {
      throw new EvalError("Code generation from strings disallowed for this context");
    });
    const content = { kind: "aggregate" as const, aggregates: { n: by.count(), sum: by.sum(({ amount }) => amount) } };
    const numbers = numericContent(content);
    const rows = new Float64Array(numbers?.width ?? 0);
    numbers?.add(rows, 0, batchOf([{ value: { id: "a", amount: 3 } }]) as never, 0);
    expect(numbers?.result(rows, 0)).toEqual({ n: 1, sum: 3 });
  });

  it("average and extremes of nothing are undefined", () => {
    for (const aggregate of [
      by.average(({ amount }) => amount),
      by.min(({ amount }) => amount),
      by.max(({ amount }) => amount),
    ])
      expect(aggregate.result(aggregate.init())).toBeUndefined();
  });
});
