import { describe, expect, it } from "vitest";
import { batchOf, type Out, originOf, StageHarness } from "../../test/stage-harness.js";
import { deliveryId, originId } from "../element.js";
import { LATE, MAIN, MAX_BATCH } from "../stage.js";
import { countWindow } from "./count.js";
import { session } from "./session.js";
import { sliding } from "./sliding.js";
import { tumbling } from "./tumbling.js";
import type { WindowPolicy, WindowSpec } from "./window.js";
import { type WindowContent, window } from "./window-operator.js";

type Content = WindowContent<number, unknown>;
const collect: Content = { kind: "collect" };

function harness(
  spec: WindowSpec,
  policy: WindowPolicy = {},
  content: Content = collect,
  keyed = true,
  onError: "fail" | "skip" = "fail",
): StageHarness {
  return new StageHarness(window("w", spec, policy, content, keyed), { onError });
}

/** Values that are their times. */
function send(h: StageHarness, key: string | undefined, ...times: number[]): void {
  h.sendBatch(batchOf(times.map((time) => ({ value: time, time, ...(key === undefined ? {} : { key }) }))));
}

const results = (h: StageHarness): unknown[] => h.take(MAIN);

describe("window()", () => {
  it("gives a result with its window, timing and firing, at end − 1", () => {
    const h = harness(tumbling({ size: 10 }));
    send(h, "a", 3, 1, 12);
    h.watermark(8);
    expect(h.drain()).toEqual([]);
    h.watermark(9);
    expect(h.drain()).toEqual([
      {
        output: MAIN,
        value: { key: "a", window: { start: 0, end: 10 }, value: [1, 3], timing: "onTime", firing: 0 },
        time: 9,
        key: "a",
        origin: { source: "window-1", partition: "s:a", offset: "0-10", index: "" },
      },
    ]);
  });

  it("un-keyed has no key beside its results", () => {
    const h = harness(tumbling({ size: 10 }), {}, collect, false);
    h.sendBatch(
      batchOf([
        { value: 1, time: 1, key: "x" },
        { value: 2, time: 2, key: "y" },
      ]),
    );
    h.watermark(20);
    const [out] = h.drain() as Out[];
    expect(out).toEqual({
      output: MAIN,
      value: { key: undefined, window: { start: 0, end: 10 }, value: [1, 2], timing: "onTime", firing: 0 },
      time: 9,
      origin: { source: "window-1", partition: "", offset: "0-10", index: "" },
    });
    expect(h.newKeys).toEqual([]);
  });

  it("is right before 1970 and with an offset", () => {
    const h = harness(tumbling({ size: 10, offset: 3 }), {}, { kind: "count" });
    send(h, "a", -8, -7, -1, 2, 3);
    h.watermark(1_000);
    expect(results(h)).toMatchObject([
      { window: { start: -17, end: -7 }, value: 1 },
      { window: { start: -7, end: 3 }, value: 3 },
      { window: { start: 3, end: 13 }, value: 1 },
    ]);
  });

  it("fires windows in ascending end, keys in the order they were first seen", () => {
    const h = harness(tumbling({ size: 10 }), {}, { kind: "count" });
    send(h, "b", 15);
    send(h, "a", 15, 5);
    send(h, "c", 15);
    h.watermark(30);
    expect(
      (results(h) as { key: string; window: { end: number } }[]).map(({ key, window: { end } }) => `${end}${key}`),
    ).toEqual(["10a", "20b", "20a", "20c"]);
  });

  it("fires again for a late but allowed value, and tells the results apart for sinks that append", () => {
    const h = harness(tumbling({ size: 10 }), { allowedLateness: 5 });
    send(h, "a", 1);
    h.watermark(9);
    send(h, "a", 2, 3);
    h.watermark(14);
    const outs = h.drain() as Out[];
    expect(outs.map(({ value }) => value)).toMatchObject([
      { value: [1], timing: "onTime", firing: 0 },
      { value: [1, 2], timing: "late", firing: 1 },
      { value: [1, 2, 3], timing: "late", firing: 2 },
    ]);
    expect(new Set(outs.map(({ origin }) => originId(origin as never)))).toEqual(new Set(["window-1/s:a/0-10"]));
    expect(outs.map(({ origin }) => deliveryId(origin as never))).toEqual([
      "window-1/s:a/0-10",
      "window-1/s:a/0-10#1",
      "window-1/s:a/0-10#2",
    ]);
    send(h, "a", 4);
    expect(results(h)).toEqual([]);
    expect(h.take(LATE)).toEqual([{ value: 4, key: "a", time: 4, lateBy: 10, windows: [{ start: 0, end: 10 }] }]);
  });

  it("knows after a restart how often a window has fired, also where nothing came since the last checkpoint", () => {
    for (const policy of [{}, { firings: "discarding" as const }]) {
      const h = harness(tumbling({ size: 10 }), { ...policy, allowedLateness: 50 });
      send(h, "a", 1);
      h.checkpoint().watermark(9).restart().resumeWatermark(9);
      send(h, "a", 2);
      expect((results(h) as { firing: number }[]).map(({ firing }) => firing)).toEqual([0, 1]);
    }
  });

  it("numbers late results on after a restart, by whatever road they are kept", () => {
    const count: Content = { kind: "count" };
    const folded: Content = { kind: "fold", initial: () => 0, fn: (n) => (n as number) + 1 };
    for (const spec of [tumbling({ size: 10 }), sliding({ size: 10, slide: 5 }), session({ gap: 5 })]) {
      for (const content of spec.merging ? [count, collect] : [count, collect, folded]) {
        const h = harness(spec, { allowedLateness: 50 }, content);
        send(h, "a", 7);
        h.watermark(30);
        for (let i = 0; i < 3; i++) {
          send(h, "a", 7);
          send(h, "b", 7);
          h.restart();
        }
        const firings: Record<string, number[]> = {};
        for (const {
          key,
          window: { end },
          firing,
        } of results(h) as { key: string; window: { end: number }; firing: number }[]) {
          const id = `${key}${end}`;
          firings[id] = [...(firings[id] ?? []), firing];
        }
        for (const [id, numbers] of Object.entries(firings))
          expect(numbers).toEqual(id.startsWith("a") ? [0, 1, 2, 3] : [0, 1, 2]);
        h.watermark(1_000);
        h.checkpoint();
        expect(h.stored).toBe(1);
      }
    }
  });

  it("hands late values on once, with what travels beside them", () => {
    const h = harness(sliding({ size: 10, slide: 5 }));
    h.watermark(12);
    h.sendBatch(
      batchOf(
        [
          { value: 1, time: 1, key: "a", origin: originOf(7), mark: 12 },
          { value: 8, time: 8, key: "b", origin: originOf(8), mark: 12 },
        ],
        "p",
      ),
    );
    expect(h.drain()).toEqual([
      {
        output: LATE,
        value: {
          value: 1,
          key: "a",
          time: 1,
          lateBy: 11,
          windows: [
            { start: -5, end: 5 },
            { start: 0, end: 10 },
          ],
        },
        time: 1,
        key: "a",
        origin: originOf(7),
        mark: 12,
        partition: "p",
      },
    ]);
    expect(h.counters).toMatchObject({ late: 1, latePartial: 1 });
    h.watermark(14);
    expect(results(h)).toMatchObject([{ key: "b", window: { start: 5, end: 15 }, value: [8] }]);
  });

  it("does not save the end of an input as a time: what comes in the next run is not late", () => {
    const h = harness(tumbling({ size: 10 }));
    send(h, "a", 3);
    h.watermark(5);
    h.end();
    expect(results(h)).toHaveLength(1);
    h.restart();
    send(h, "a", 14);
    expect(h.take(LATE)).toEqual([]);
    h.watermark(19);
    expect(results(h)).toMatchObject([{ window: { start: 10, end: 20 }, value: [14], timing: "onTime" }]);
  });

  it("warns once when nobody takes late values", () => {
    const h = harness(tumbling({ size: 10 }));
    h.watermark(30);
    h.closedBelow = true;
    send(h, "a", 1);
    send(h, "a", 2);
    expect(h.warnings).toHaveLength(1);
    expect(h.warnings[0]).toMatch(/"window-1": a value came too late/);
    expect(h.counters.late).toBe(2);
  });

  it("calls a value in a gap between windows late only when it came late", () => {
    const h = harness(sliding({ size: 2, slide: 10 }), { allowedLateness: 3 });
    h.watermark(14);
    send(h, "a", 15, 12, 11, 5);
    expect(
      (h.take(LATE) as { time: number; windows: unknown[] }[]).map(({ time, windows }) => [time, windows]),
    ).toEqual([
      [11, [{ start: 10, end: 12 }]],
      [5, []],
    ]);
    expect(h.counters.late).toBe(2);
  });

  it("cuts results into slices", () => {
    const h = harness(tumbling({ size: 10 }), {}, { kind: "count" });
    h.sendBatch(batchOf(Array.from({ length: 2_500 }, (_, i) => ({ value: i, time: 1, key: `k${i}` }))));
    h.watermark(10);
    expect(h.batches.map(({ batch }) => batch.values.length)).toEqual([MAX_BATCH, MAX_BATCH, 2_500 - 2 * MAX_BATCH]);
    expect(h.batches.flatMap(({ batch }) => batch.keys)).toEqual(Array.from({ length: 2_500 }, (_, i) => `k${i}`));
  });

  it("cuts many firings of one batch into slices too", () => {
    const h = harness(tumbling({ size: 10 }), { early: { count: 1 } }, { kind: "count" });
    h.sendBatch(batchOf(Array.from({ length: 3_000 }, (_, i) => ({ value: i, time: 1, key: "a" }))));
    expect(h.batches.map(({ batch }) => batch.values.length)).toEqual([MAX_BATCH, MAX_BATCH, 3_000 - 2 * MAX_BATCH]);
    expect(h.batches[2]?.batch.values.at(-1) as { value: number; firing: number }).toMatchObject({
      value: 3_000,
      firing: 2_999,
    });
  });

  it("takes keys of one text and several types apart", () => {
    const h = harness(tumbling({ size: 10 }), {}, { kind: "count" });
    h.sendBatch(
      batchOf([
        { value: 0, time: 1, key: 1 },
        { value: 0, time: 1, key: "1" },
        { value: 0, time: 1, key: 1n },
        { value: 0, time: 1, key: true },
        { value: 0, time: 1, key: Number.NaN },
        { value: 0, time: 1, key: Number.NaN },
      ]),
    );
    h.restart();
    h.watermark(10);
    expect((results(h) as { key: unknown; value: number }[]).map(({ key, value }) => [key, value])).toEqual([
      [1, 1],
      ["1", 1],
      [1n, 1],
      [true, 1],
      [Number.NaN, 2],
    ]);
  });

  it("sends a value whose function fails to the error policy, and keeps the rest", () => {
    const content: Content = {
      kind: "fold",
      initial: () => 0,
      fn: (sum, value) => {
        if (value === 2) throw new Error("two");
        return (sum as number) + value;
      },
    };
    const h = harness(tumbling({ size: 10 }), {}, content, true, "skip");
    send(h, "a", 2, 1, 2, 3);
    h.watermark(10);
    expect(results(h)).toMatchObject([{ value: 4 }]);
    expect(h.errors.map(({ value }) => value)).toEqual([2, 2]);
    const sessions = harness(
      session({ gap: 5 }),
      {},
      { ...content, merge: (left: unknown, right: unknown) => (left as number) + (right as number) } as Content,
      true,
      "skip",
    );
    send(sessions, "a", 0, 7, 2, 3);
    sessions.watermark(100);
    expect(results(sessions)).toMatchObject([{ window: { start: 0, end: 12 }, value: 10 }]);
  });

  it("does not join sessions for a value that fails", () => {
    const content = {
      kind: "fold",
      initial: () => 0,
      fn: (sum: number, value: number) => {
        if (value === 4) throw new Error("four");
        return sum + value;
      },
      merge: (left: number, right: number) => left + right,
    } as unknown as Content;
    const h = harness(session({ gap: 5 }), {}, content, true, "skip");
    send(h, "a", 0, 8, 4);
    h.watermark(100);
    expect(results(h)).toMatchObject([
      { window: { start: 0, end: 5 }, value: 0 },
      { window: { start: 8, end: 13 }, value: 8 },
    ]);
  });

  it("sends a result whose function fails to the error policy, with its window", () => {
    const content: Content = {
      kind: "aggregate",
      aggregates: {
        bad: {
          init: () => 0,
          add: (n: number) => n + 1,
          merge: (l: number, r: number) => l + r,
          result: (n: number) => {
            if (n === 1) throw new Error("one");
            return n;
          },
        },
      },
    };
    for (const spec of [tumbling({ size: 10 }), sliding({ size: 10, slide: 5 }), session({ gap: 3 })]) {
      const h = harness(spec, {}, content, true, "skip");
      send(h, "a", 6);
      send(h, "b", 6, 7);
      h.watermark(100);
      expect(results(h)).not.toHaveLength(0);
      expect(h.errors[0]?.value).toMatchObject({ key: "a" });
      expect(h.errors.every(({ value }) => (value as { key: string }).key === "a")).toBe(true);
    }
  });

  it("refuses what no checkpoint can hold when it is first written", () => {
    class Money {}
    for (const spec of [tumbling({ size: 10 }), sliding({ size: 10, slide: 5 }), session({ gap: 5 }), countWindow(5)]) {
      const h = harness(spec, {}, collect, true, "skip");
      expect(() => h.send([new Money()], { time: 1, key: "a" })).toThrow(/E_STATE_CODEC.*"w".*Money/);
    }
  });

  it("asks whether a new key is of its partition", () => {
    for (const spec of [tumbling({ size: 10 }), sliding({ size: 10, slide: 5 }), session({ gap: 5 }), countWindow(5)]) {
      const h = harness(spec);
      send(h, "a", 1, 1, 2);
      send(h, "b", 1);
      expect(h.newKeys).toEqual(["a", "b"]);
    }
  });

  it("shows what is open for a key, what waits, and what a stop throws away", () => {
    for (const spec of [tumbling({ size: 10 }), sliding({ size: 20, slide: 10 }), session({ gap: 5 })]) {
      const h = harness(spec, {}, { kind: "count" });
      expect(h.stage.waiting?.()).toBeUndefined();
      expect(h.stage.read?.("a")).toEqual([]);
      send(h, "a", 10, 11, 26);
      h.watermark(5);
      expect(((h.stage.read?.("a") ?? []) as { value: number }[]).map(({ value }) => value)).toEqual(
        spec.kind === "sliding" ? [2, 3, 1] : [2, 1],
      );
      expect(h.stage.held?.()).toBe(3);
      expect(h.stage.waiting?.()).toMatch(
        /^window \[1970-01-01T00:00:00\.0\d\dZ, 1970-01-01T00:00:00\.0\d\dZ\) of 1 key waits for the watermark to reach 1970-01-01T00:00:00\.0\d\dZ; it is at 1970-01-01T00:00:00\.005Z$/,
      );
    }
    const counted = harness(countWindow(3, { step: 2 }), {}, { kind: "count" });
    send(counted, "a", 1, 2, 3);
    expect([counted.stage.held?.(), counted.stage.waiting?.(), counted.stage.read?.("a")]).toEqual([
      1,
      undefined,
      [{ window: { start: 0, end: 3 }, value: 2 }],
    ]);
  });

  it("at a stop that fires, emits what is open as early", () => {
    for (const spec of [tumbling({ size: 10 }), sliding({ size: 10, slide: 5 }), session({ gap: 5 })]) {
      const h = harness(spec, { allowedLateness: 1 }, { kind: "count" });
      send(h, "a", 1);
      h.watermark(20);
      h.drain();
      send(h, "a", 31, 32);
      h.stage.fireOpen?.(() => true);
      const outs: unknown[] = [];
      h.stage.fireOpen?.((batch) => {
        outs.push(...batch.values);
        return true;
      });
      expect(outs.length).toBeGreaterThan(0);
      for (const out of outs) expect(out).toMatchObject({ key: "a", value: 2, timing: "early" });
    }
  });

  it("tells the planner what it is", () => {
    const flags = (spec: WindowSpec, policy: WindowPolicy = {}, keyed = true): object =>
      window("w", spec, policy, collect, keyed);
    expect(flags(tumbling({ size: 1 }))).toMatchObject({
      kind: "window",
      name: "w",
      holdsState: true,
      global: false,
      eventTime: "needs",
      origins: "derive",
      refires: false,
      aggregates: true,
    });
    expect(flags(tumbling({ size: 1 }), {}, false)).toMatchObject({ global: true });
    expect(flags(tumbling({ size: 1 }), { allowedLateness: 1 })).toMatchObject({ refires: true });
    expect(flags(tumbling({ size: 1 }), { allowedLateness: 1, emit: "final" })).toMatchObject({ refires: false });
    expect(flags(tumbling({ size: 1 }), { early: { count: 1 }, firings: "discarding" })).toMatchObject({
      refires: false,
      lowers: "its early results depend on how values are read",
    });
    expect(flags(tumbling({ size: 1, clock: "processing" }))).toMatchObject({
      lowers: "its windows are by processing time",
    });
    expect(flags(tumbling({ size: 1, clock: "processing" }))).not.toHaveProperty("eventTime");
    expect(flags(countWindow(1))).toMatchObject({ origins: "derive" });
    expect(flags(countWindow(1), {}, false)).toMatchObject({ origins: "none" });
  });

  it("refuses what can not be right", () => {
    expect(() => tumbling({ size: 0 })).toThrow(/E_DURATION/);
    expect(() => tumbling({ size: 1.5 })).toThrow(/E_ARGUMENT.*whole milliseconds/);
    expect(() => tumbling({ size: 1, clock: "wall" as "event" })).toThrow(/E_ARGUMENT.*clock/);
    expect(() => sliding({ size: 2_001, slide: 2 })).toThrow(/E_ARGUMENT.*2001 panes, more than 1000/);
    expect(() => sliding({ size: "24h", slide: "1m" })).toThrow(/E_ARGUMENT.*1440 panes/);
    sliding({ size: 1_000, slide: 1 });
    expect(() => session({ gap: -1 })).toThrow(/E_DURATION/);
    expect(() => countWindow(0)).toThrow(/E_ARGUMENT/);
    expect(() => countWindow(5, { step: 1.5 })).toThrow(/E_ARGUMENT/);
    expect(() => countWindow(5_000, { step: 1 })).toThrow(/E_ARGUMENT.*5000 panes/);
    expect(() => harness({ kind: "tumbling", merging: false })).toThrow(/E_ARGUMENT.*must be made by tumbling\(\)/);
    expect(() => harness(countWindow(5), { allowedLateness: 1 })).toThrow(
      /E_ARGUMENT.*a count window has no late values/,
    );
    expect(() => harness(tumbling({ size: 5, clock: "processing" }), { allowedLateness: 1 })).toThrow(
      /E_ARGUMENT.*processing time/,
    );
    expect(() => harness(countWindow(5), { early: { count: 1 } })).toThrow(/E_ARGUMENT/);
    expect(() => harness(tumbling({ size: 5 }), { early: { count: 0 } })).toThrow(/E_ARGUMENT/);
    expect(() => harness(tumbling({ size: 5 }), { early: { every: 0 } })).toThrow(/E_DURATION/);
    expect(() => harness(tumbling({ size: 5 }), { emit: "final", early: { count: 1 } })).toThrow(
      /E_ARGUMENT.*one result a window/,
    );
    expect(() => harness(tumbling({ size: 5, clock: "processing" }), { early: { every: 1, clock: "event" } })).toThrow(
      /E_ARGUMENT/,
    );
    expect(() => harness(tumbling({ size: 5 }), { emit: "once" as "final" })).toThrow(/E_ARGUMENT.*emit/);
    expect(() => harness(tumbling({ size: 5 }), { firings: "x" as "discarding" })).toThrow(/E_ARGUMENT.*firings/);
    expect(() => harness(session({ gap: 5 }), {}, { kind: "fold", initial: () => 0, fn: () => 0 })).toThrow(
      /E_ARGUMENT.*merge/,
    );
    expect(() => harness(tumbling({ size: 5 }), {}, { kind: "aggregate", aggregates: {} })).toThrow(/E_ARGUMENT/);
    expect(() => harness(tumbling({ size: 5 }), {}, { kind: "reduce", fn: 1 as never })).toThrow(
      /E_ARGUMENT.*function/,
    );
    const untimed = harness(tumbling({ size: 5 }));
    expect(() => untimed.send([1], { key: "a" })).toThrow(/E_NO_EVENT_TIME/);
  });
});
