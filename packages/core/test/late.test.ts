import { describe, expect, it } from "vitest";
import type { Logger } from "../src/connector.js";
import { discardSink, from, type Late, tumbling } from "../src/index.js";
import { testSink } from "../src/testing/index.js";

function recorder(): Logger & { readonly warnings: string[] } {
  const warnings: string[] = [];
  return { warnings, debug: () => {}, info: () => {}, warn: (message) => warnings.push(message), error: () => {} };
}

describe("late values of a window", () => {
  const events = [1, 500, 2, 3, 900].map((at) => ({ at }));
  const windows = (late?: ReturnType<typeof testSink<Late<{ at: number }>>>) =>
    from(events)
      .eventTime(({ at }) => at)
      .window("w", tumbling({ size: 100 }), late === undefined ? {} : { late })
      .count()
      .to(discardSink());

  it("are counted and warned of once where nobody takes them", async () => {
    const logger = recorder();
    const summary = await windows().run({ logger });
    expect(logger.warnings).toHaveLength(1);
    expect(logger.warnings[0]).toMatch(/a value came too late for its windows and was left out/);
    expect(summary.operators.find(({ id }) => id === "w")).toMatchObject({ late: 2 });
  });

  it("go to their target, without a warning", async () => {
    const logger = recorder();
    const late = testSink<Late<{ at: number }>>("late");
    await windows(late).run({ logger });
    expect(logger.warnings).toEqual([]);
    expect(late.values).toEqual([
      { value: { at: 2 }, key: undefined, time: 2, lateBy: 497, windows: [{ start: 0, end: 100 }] },
      { value: { at: 3 }, key: undefined, time: 3, lateBy: 496, windows: [{ start: 0, end: 100 }] },
    ]);
  });
});
