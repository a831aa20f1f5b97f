import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { batchOf, type Out, StageHarness } from "../../test/stage-harness.js";
import { MAIN } from "../stage.js";
import { windowsOf } from "./aligned.js";
import { session } from "./session.js";
import { sliding } from "./sliding.js";
import { tumbling } from "./tumbling.js";
import type { WindowPolicy, WindowSpec } from "./window.js";
import { window } from "./window-operator.js";

type Event =
  | { readonly op: "value"; readonly key: string; readonly time: number }
  | { readonly op: "watermark"; readonly by: number }
  | { readonly op: "restart" };

const events = fc.array(
  fc.oneof(
    fc.record({
      op: fc.constant("value" as const),
      key: fc.constantFrom("a", "b"),
      time: fc.integer({ min: -10, max: 30 }),
    }),
    fc.record({ op: fc.constant("watermark" as const), by: fc.integer({ min: 0, max: 9 }) }),
    fc.record({ op: fc.constant("restart" as const) }),
  ),
  { maxLength: 40 },
);

function run(spec: WindowSpec, policy: WindowPolicy, input: readonly Event[]): string[] {
  const h = new StageHarness(window("w", spec, policy, { kind: "count" }, true));
  const fired: string[] = [];
  let watermark = -12;
  h.watermark(watermark);
  for (const event of input) {
    if (event.op === "watermark") watermark += event.by;
    if (event.op === "value") h.send([0], { key: event.key, time: event.time });
    else if (event.op === "restart") h.restart();
    else h.watermark(watermark);
    const outs = (h.drain() as Out[])
      .filter(({ output }) => output === MAIN)
      .map(
        ({ value }) =>
          value as {
            key: string;
            window: { start: number; end: number };
            value: number;
            timing: string;
            firing: number;
          },
      );
    fired.push(
      ...outs
        .map((out) => `${out.key} ${out.window.start} ${out.window.end} = ${out.value} ${out.timing} ${out.firing}`)
        .sort(),
      "|",
    );
  }
  return fired;
}

interface Open {
  readonly key: string;
  readonly start: number;
  readonly end: number;
  count: number;
  added: number;
  firing: number;
}

/** Windows as plain records: every step looks at all of them. */
function oracle(
  alignment: { sizeMs: number; slideMs: number; offsetMs: number },
  lateness: number,
  early: { count?: number; every?: number },
  discarding: boolean,
  input: readonly Event[],
): string[] {
  const open: Open[] = [];
  const fired: string[] = [];
  let watermark = -12;
  const fire = (one: Open, timing: string): string => {
    const text = `${one.key} ${one.start} ${one.end} = ${discarding ? one.added : one.count} ${timing} ${one.firing++}`;
    one.added = 0;
    return text;
  };
  for (const event of input) {
    const now: string[] = [];
    if (event.op === "value") {
      for (const { start, end } of windowsOf(event.time, alignment)) {
        if (end - 1 + lateness <= watermark) continue;
        let one = open.find((other) => other.key === event.key && other.start === start);
        if (one === undefined) {
          one = { key: event.key, start, end, count: 0, added: 0, firing: 0 };
          open.push(one);
        }
        one.count++;
        one.added++;
        if (end - 1 <= watermark) now.push(fire(one, "late"));
        else if (early.count !== undefined && one.added >= early.count) now.push(fire(one, "early"));
      }
    } else if (event.op === "watermark") {
      const before = watermark;
      watermark += event.by;
      for (const one of open) {
        const passed = (at: number): number => Math.floor((at - one.start) / (early.every ?? 1));
        if (before < one.end - 1 && one.end - 1 <= watermark) {
          if (!discarding || one.added > 0) now.push(fire(one, "onTime"));
        } else if (
          watermark < one.end - 1 &&
          early.every !== undefined &&
          one.added > 0 &&
          watermark >= one.start + early.every &&
          passed(watermark) > passed(before)
        ) {
          now.push(fire(one, "early"));
        }
      }
    }
    fired.push(...now.sort(), "|");
  }
  return fired;
}

describe("early results", () => {
  const aligned = fc
    .record({
      sizeMs: fc.integer({ min: 1, max: 20 }),
      slideMs: fc.integer({ min: 1, max: 20 }),
      tumbles: fc.boolean(),
    })
    .map(({ sizeMs, slideMs, tumbles }) => ({ sizeMs, slideMs: tumbles ? sizeMs : slideMs, offsetMs: 0 }));
  const early = fc.oneof(
    fc.record({ count: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ every: fc.integer({ min: 1, max: 9 }) }),
  );

  it("come after n values, or when event time passes start + k·every, if something changed; once a watermark", () => {
    fc.assert(
      fc.property(
        aligned,
        fc.integer({ min: 0, max: 6 }),
        early,
        fc.boolean(),
        events,
        (alignment, allowedLateness, given, discarding, input) => {
          const spec = sliding({ size: alignment.sizeMs, slide: alignment.slideMs });
          const policy: WindowPolicy = {
            allowedLateness,
            firings: discarding ? "discarding" : "accumulating",
            early: "count" in given ? given : { every: given.every, clock: "event" },
          };
          const expected = oracle(alignment, allowedLateness, given, discarding, input);
          expect(run(spec, policy, input)).toEqual(expected);
        },
      ),
      { numRuns: 500 },
    );
  });

  function clocked(
    spec: WindowSpec,
    policy: WindowPolicy,
  ): { h: StageHarness; values: () => string[]; at: (time: number, key: string, eventTime?: number) => void } {
    const h = new StageHarness(window("w", spec, policy, { kind: "count" }, true));
    return {
      h,
      values: () =>
        (h.take(MAIN) as { key: string; value: number; timing: string; window: { start: number; end: number } }[]).map(
          ({ key, value, timing, window: { start, end } }) => `${key} ${start}-${end} ${value} ${timing}`,
        ),
      at: (time, key, eventTime = 0) => {
        h.set(time);
        h.sendBatch(batchOf([{ value: 0, key, time: eventTime }]));
      },
    };
  }

  it("come so long after the first value since the last result, by the processing clock", () => {
    for (const spec of [tumbling({ size: 1_000 }), sliding({ size: 1_000, slide: 1_000 }), session({ gap: 1_000 })]) {
      const { h, values, at } = clocked(spec, { early: { every: 10 } });
      at(100, "a");
      at(105, "a");
      at(107, "b");
      h.set(109);
      expect(values()).toEqual([]);
      h.set(110);
      expect(values()).toEqual(["a 0-1000 2 early"]);
      h.set(500);
      expect(values()).toEqual(["b 0-1000 1 early"]);
      at(600, "a");
      h.set(609);
      h.watermark(999);
      expect(values()).toEqual(["a 0-1000 3 onTime", "b 0-1000 1 onTime"]);
      h.set(2_000);
      expect(values()).toEqual([]);
    }
  });

  it("are due again after a restart, overdue ones before the first value, in the order of time", () => {
    const { h, values, at } = clocked(tumbling({ size: 1_000 }), { early: { every: 10 } });
    at(100, "b");
    at(103, "a");
    h.checkpoint();
    h.set(104);
    h.crash();
    expect(values()).toEqual([]);
    h.clock.set(200);
    h.crash();
    expect(values()).toEqual(["b 0-1000 1 early", "a 0-1000 1 early"]);
  });

  it("add up the counts of sessions that join", () => {
    const { h, values } = clocked(session({ gap: 10 }), { early: { count: 4 } });
    for (const time of [0, 1, 15]) h.send([0], { key: "a", time });
    expect(values()).toEqual([]);
    h.send([0], { key: "a", time: 8 });
    expect(values()).toEqual(["a 0-25 4 early"]);
  });

  it("of sessions that join come when the first of them was due", () => {
    const { h, values, at } = clocked(session({ gap: 10 }), { early: { every: 10 } });
    at(100, "a", 0);
    at(104, "a", 15);
    at(106, "a", 8);
    h.set(109);
    expect(values()).toEqual([]);
    h.set(110);
    expect(values()).toEqual(["a 0-25 3 early"]);
    at(111, "a", 40);
    at(113, "a", 25);
    at(114, "a", 33);
    h.set(120);
    expect(values()).toEqual([]);
    h.set(121);
    expect(values()).toEqual(["a 0-50 6 early"]);
  });

  it("of sessions are due again after a restart", () => {
    const { h, values, at } = clocked(session({ gap: 10 }), { early: { every: 7, clock: "event" } });
    at(1, "a", 3);
    h.restart();
    h.watermark(9);
    expect(values()).toEqual([]);
    h.watermark(10);
    expect(values()).toEqual(["a 3-13 1 early"]);
    const clock = clocked(session({ gap: 10 }), { early: { every: 7 } });
    clock.at(1, "a", 3);
    clock.h.restart();
    clock.h.set(8);
    expect(clock.values()).toEqual(["a 3-13 1 early"]);
  });

  it("of sessions follow their start when that moves", () => {
    const { h, values } = clocked(session({ gap: 10 }), { early: { every: 7, clock: "event" } });
    h.send([0], { key: "a", time: 5 });
    h.send([0], { key: "a", time: 3 });
    h.watermark(9);
    expect(values()).toEqual([]);
    h.watermark(10);
    expect(values()).toEqual(["a 3-15 2 early"]);
    h.watermark(13);
    expect(values()).toEqual([]);
    h.watermark(14);
    expect(values()).toEqual(["a 3-15 2 onTime"]);
  });
});
