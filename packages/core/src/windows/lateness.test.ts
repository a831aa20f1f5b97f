import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  InputRun,
  oneByOne,
  type PartitionedInput,
  partitionedInput,
  type Step,
  steps,
  type Timed,
} from "../../test/partitioned-input.js";
import type { Out } from "../../test/stage-harness.js";
import { LATE, MAIN } from "../stage.js";
import { aggregates } from "./aggregate.js";
import { windowsOf } from "./aligned.js";
import { session } from "./session.js";
import { sliding } from "./sliding.js";
import { tumbling } from "./tumbling.js";
import type { Late, TimeSpan, Windowed, WindowPolicy, WindowSpec } from "./window.js";
import { type WindowContent, window } from "./window-operator.js";

type Content = WindowContent<Timed, unknown>;
type Result = Windowed<string, Timed[]>;

const collect: Content = { kind: "collect" };
/** Without merge: sliding windows can not share panes. */
const folded: Content = { kind: "fold", initial: () => [], fn: (list, value) => [...(list as Timed[]), value] };
const merged: Content = {
  ...folded,
  merge: (left: unknown, right: unknown) => [...(left as Timed[]), ...(right as Timed[])],
} as Content;

const ids = (values: readonly Timed[]): number[] => values.map(({ id }) => id).sort((left, right) => left - right);
const spanId = (key: unknown, { start, end }: TimeSpan): string => `${key} ${start} ${end}`;

/** What each window holds, and which values are late: a value is in a window unless its own partition had passed it by then. */
function oracle(
  input: PartitionedInput,
  alignment: { sizeMs: number; slideMs: number; offsetMs: number },
  lateness: number,
): { windows: Record<string, number[]>; late: number[]; partial: number } {
  const windows: Record<string, number[]> = {};
  const late: number[] = [];
  let partial = 0;
  for (const value of input.partitions.flat()) {
    const all = windowsOf(value.time, alignment);
    const open = all.filter(({ end }) => value.before < end - 1 + lateness);
    for (const span of open) {
      const id = spanId(value.key, span);
      windows[id] = [...(windows[id] ?? []), value.id];
    }
    if (all.length > 0 ? open.length === 0 : value.time + lateness <= value.before) late.push(value.id);
    else if (open.length < all.length) partial++;
  }
  return { windows, late, partial };
}

/** The last result of each window, after each result has taken the place of those it replaces. */
function lastResults(outs: readonly Out[]): Record<string, number[]> {
  const last: Record<string, number[]> = {};
  for (const { output, value } of outs) {
    if (output !== MAIN) continue;
    const { key, window: span, value: values, replaces = [] } = value as Result;
    for (const old of replaces) delete last[spanId(key, old)];
    last[spanId(key, span)] = ids(values);
  }
  return last;
}

function lateIds(outs: readonly Out[]): number[] {
  const late = outs.filter(({ output }) => output === LATE).map(({ value }) => (value as Late<Timed>).value.id);
  return [...new Set(late)].sort((left, right) => left - right);
}

const aligned = fc
  .record({
    sizeMs: fc.integer({ min: 1, max: 20 }),
    slideMs: fc.integer({ min: 1, max: 24 }),
    offset: fc.integer({ min: 0, max: 30 }),
    tumbles: fc.boolean(),
  })
  .map(({ sizeMs, slideMs, offset, tumbles }) => {
    const slide = tumbles ? sizeMs : slideMs;
    const spec: WindowSpec<false> = tumbles
      ? tumbling({ size: sizeMs, offset })
      : sliding({ size: sizeMs, slide, offset });
    return { alignment: { sizeMs, slideMs: slide, offsetMs: offset % slide }, spec };
  });
const lateness = fc.integer({ min: 0, max: 12 });
const anyContent = fc.constantFrom(collect, folded, merged);

describe("lateness and last results of aligned windows", () => {
  it("follow from each value's own partition, however values are cut, interleaved, lost and replayed", () => {
    fc.assert(
      fc.property(
        partitionedInput(),
        steps(),
        aligned,
        lateness,
        anyContent,
        fc.constantFrom("each", "final"),
        (input, plan, { alignment, spec }, late, content, emit) => {
          const policy: WindowPolicy = { allowedLateness: late, emit: emit as "each" | "final" };
          const run = new InputRun(window("w", spec, policy, content, true), input, plan);
          const expected = oracle(input, alignment, late);
          expect(lastResults(run.outs)).toEqual(expected.windows);
          expect(lateIds(run.outs)).toEqual(expected.late.sort((left, right) => left - right));
          if (plan.every(({ op }) => op !== "crash")) {
            expect(run.harness.counters.late).toBe(expected.late.length);
            expect(run.harness.counters.latePartial).toBe(expected.partial);
          }
        },
      ),
      { numRuns: 600 },
    );
  });

  it("are the same un-keyed", () => {
    fc.assert(
      fc.property(partitionedInput(), steps(), aligned, lateness, (drawn, plan, { alignment, spec }, late) => {
        const run = new InputRun(window("w", spec, { allowedLateness: late }, collect, false), drawn, plan);
        const input = {
          ...drawn,
          partitions: drawn.partitions.map((values) => values.map((value) => ({ ...value, key: undefined as never }))),
        };
        expect(lastResults(run.outs)).toEqual(oracle(input, alignment, late).windows);
      }),
    );
  });

  it("with final, each window fires once, and never behind the watermark passed on", () => {
    fc.assert(
      fc.property(partitionedInput(), steps({ crashes: false }), aligned, lateness, (input, plan, { spec }, late) => {
        const run = new InputRun(
          window("w", spec, { allowedLateness: late, emit: "final" }, collect, true),
          input,
          plan,
        );
        const seen = new Set<string>();
        for (const [i, { output, value, time }] of run.outs.entries()) {
          if (output !== MAIN) continue;
          const result = value as Result;
          expect(seen.has(spanId(result.key, result.window))).toBe(false);
          seen.add(spanId(result.key, result.window));
          expect(time).toBe(result.window.end - 1);
          expect(time).toBeGreaterThan(run.watermarksOut[i] as number);
          expect([result.timing, result.firing]).toEqual(["onTime", 0]);
        }
      }),
    );
  });

  it("on time, results leave before the watermark that would make them late", () => {
    fc.assert(
      fc.property(partitionedInput(), steps({ crashes: false }), aligned, lateness, (input, plan, { spec }, late) => {
        const run = new InputRun(window("w", spec, { allowedLateness: late }, collect, true), input, plan);
        for (const [i, { output, value, time }] of run.outs.entries())
          if (output === MAIN && (value as Result).timing === "onTime")
            expect(time).toBeGreaterThan(run.watermarksOut[i] as number);
      }),
    );
  });

  it("number their firings, and discarding ones hold each value once", () => {
    const early = fc.constantFrom<WindowPolicy>(
      {},
      { early: { count: 1 } },
      { early: { count: 3 } },
      { early: { every: 4, clock: "event" } },
    );
    fc.assert(
      fc.property(
        partitionedInput(),
        steps({ crashes: false }),
        aligned,
        lateness,
        anyContent,
        early,
        (input, plan, { alignment, spec }, late, content, policy) => {
          const run = new InputRun(
            window("w", spec, { ...policy, allowedLateness: late, firings: "discarding" }, content, true),
            input,
            plan,
          );
          const held: Record<string, number[]> = {};
          const firings: Record<string, number> = {};
          for (const { output, value } of run.outs) {
            if (output !== MAIN) continue;
            const { key, window: span, value: values, firing } = value as Result;
            const id = spanId(key, span);
            expect(firing).toBe(firings[id] ?? 0);
            firings[id] = firing + 1;
            expect(values.length).toBeGreaterThan(0);
            held[id] = [...(held[id] ?? []), ...ids(values)].sort((left, right) => left - right);
          }
          expect(held).toEqual(oracle(input, alignment, late).windows);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("number their firings, also across restarts, and by whatever road they are kept", () => {
    const count: Content = { kind: "count" };
    fc.assert(
      fc.property(
        partitionedInput(),
        steps({ crashes: false }),
        aligned,
        lateness,
        fc.constantFrom(collect, folded, count),
        (input, plan, { spec }, late, content) => {
          const run = new InputRun(window("w", spec, { allowedLateness: late }, content, true), input, plan);
          const firings: Record<string, number> = {};
          for (const { output, value } of run.outs) {
            if (output !== MAIN) continue;
            const { key, window: span, firing, timing } = value as Result;
            const id = spanId(key, span);
            expect([id, firing]).toEqual([id, firings[id] ?? 0]);
            if (timing === "onTime") expect(firing).toBe(0);
            firings[id] = firing + 1;
          }
        },
      ),
      { numRuns: 400 },
    );
  });

  it("collect in event-time order, ties of a partition as they came", () => {
    fc.assert(
      fc.property(partitionedInput(), steps(), aligned, lateness, (input, plan, { spec }, late) => {
        const run = new InputRun(window("w", spec, { allowedLateness: late }, collect, true), input, plan);
        for (const { output, value } of run.outs) {
          if (output !== MAIN) continue;
          const values = (value as Result).value;
          for (const [i, right] of values.entries()) {
            const left = values[i - 1];
            if (left === undefined) continue;
            expect(left.time).toBeLessThanOrEqual(right.time);
            if (left.time === right.time && left.partition === right.partition) expect(left.id).toBeLessThan(right.id);
          }
        }
      }),
    );
  });

  it("aggregate to the same number, whatever the order of additions", () => {
    const by = aggregates<Timed>();
    const amount = ({ id, time }: Timed): number => ([0.1, 1e16, -1e16, 0.3, 1e-9][id % 5] as number) + time / 3;
    const content: Content = {
      kind: "aggregate",
      aggregates: {
        sum: by.sum(amount),
        mean: by.average(amount),
        low: by.min(amount),
        high: by.max(amount),
        n: by.count(),
        kinds: by.distinct(({ id }) => id % 3),
      },
    };
    const results = (run: InputRun): unknown => {
      const last: Record<string, unknown> = {};
      for (const { output, value } of run.outs)
        if (output === MAIN) last[spanId((value as Result).key, (value as Result).window)] = (value as Result).value;
      return last;
    };
    fc.assert(
      fc.property(partitionedInput(), steps(), aligned, lateness, (input, plan, { spec }, late) => {
        const operator = window("w", spec, { allowedLateness: late }, content, true);
        expect(results(new InputRun(operator, input, plan))).toEqual(
          results(new InputRun(operator, input, oneByOne(input))),
        );
      }),
    );
  });
});

/** Sessions of a key, value by value: `before` is the watermark a value is judged by. */
function sessionOracle(
  input: PartitionedInput,
  gap: number,
  lateness: number,
): { windows: Record<string, number[]>; late: number[] } {
  const late: number[] = [];
  const sessions: { key: unknown; start: number; end: number; ids: number[] }[] = [];
  for (const { key, time, before, id } of input.partitions.flat()) {
    const joined = { key, start: time, end: time + gap, ids: [id] };
    const live = sessions.filter(
      (one) => one.key === key && one.start <= joined.end && one.end >= joined.start && one.end - 1 + lateness > before,
    );
    if (live.length === 0 && joined.end - 1 + lateness <= before) {
      late.push(id);
      continue;
    }
    for (const one of live) sessions.splice(sessions.indexOf(one), 1);
    const all = [joined, ...live];
    sessions.push({
      key,
      start: Math.min(...all.map(({ start }) => start)),
      end: Math.max(...all.map(({ end }) => end)),
      ids: all.flatMap((one) => one.ids),
    });
  }
  const windows = Object.fromEntries(
    sessions.map((one) => [spanId(one.key, one), one.ids.sort((left, right) => left - right)]),
  );
  return { windows, late };
}

describe("lateness and last results of sessions", () => {
  const gap = fc.integer({ min: 1, max: 12 });

  it("follow from each value's own partition where a key has one, after results are replaced", () => {
    fc.assert(
      fc.property(
        partitionedInput({ ownKeys: true }),
        steps(),
        gap,
        lateness,
        fc.constantFrom(collect, merged),
        (input, plan, gapMs, late, content) => {
          const run = new InputRun(
            window("w", session({ gap: gapMs }), { allowedLateness: late }, content, true),
            input,
            plan,
          );
          const expected = sessionOracle(input, gapMs, late);
          expect(lastResults(run.outs)).toEqual(expected.windows);
          expect(lateIds(run.outs)).toEqual(expected.late);
        },
      ),
      { numRuns: 600 },
    );
  });

  it("replace what they may have fired before a crash, also when another cut of the values never fires it", () => {
    const times = [0, 2, 0, 1, 0];
    let latest = Number.NEGATIVE_INFINITY;
    const values = times.map((time, id): Timed => {
      const before = latest - 1;
      latest = Math.max(latest, time);
      return { id, key: "a", time, partition: 0, before, side: 0 };
    });
    const input: PartitionedInput = { bound: 0, partitions: [values] };
    const plan: Step[] = [{ op: "read", partition: 0, count: 3 }, { op: "crash" }];
    const run = new InputRun(window("w", session({ gap: 1 }), { allowedLateness: 2 }, collect, true), input, plan);
    expect(run.outs.length).toBeGreaterThan(1);
    expect(lastResults(run.outs)).toEqual(sessionOracle(input, 1, 2).windows);
  });

  it("with final, fire once, and never behind the watermark passed on", () => {
    fc.assert(
      fc.property(
        partitionedInput({ ownKeys: true }),
        steps({ crashes: false }),
        gap,
        lateness,
        (input, plan, gapMs, late) => {
          const run = new InputRun(
            window("w", session({ gap: gapMs }), { allowedLateness: late, emit: "final" }, collect, true),
            input,
            plan,
          );
          const results = run.outs.filter(({ output }) => output === MAIN);
          expect(results).toHaveLength(Object.keys(sessionOracle(input, gapMs, late).windows).length);
          for (const [i, { output, time }] of run.outs.entries())
            if (output === MAIN) expect(time).toBeGreaterThan(run.watermarksOut[i] as number);
        },
      ),
    );
  });

  it("discarding, hold each value once", () => {
    const early = fc.constantFrom<WindowPolicy>({}, { early: { count: 2 } }, { early: { every: 3, clock: "event" } });
    fc.assert(
      fc.property(
        partitionedInput({ ownKeys: true }),
        steps({ crashes: false }),
        gap,
        lateness,
        early,
        (input, plan, gapMs, late, policy) => {
          const run = new InputRun(
            window(
              "w",
              session({ gap: gapMs }),
              { ...policy, allowedLateness: late, firings: "discarding" },
              collect,
              true,
            ),
            input,
            plan,
          );
          const held = run.outs
            .filter(({ output }) => output === MAIN)
            .flatMap(({ value }) => ids((value as Result).value));
          expect(held.sort((left, right) => left - right)).toEqual(
            Object.values(sessionOracle(input, gapMs, late).windows)
              .flat()
              .sort((left, right) => left - right),
          );
          for (const { output, value } of run.outs)
            if (output === MAIN) expect("replaces" in (value as Result)).toBe(false);
        },
      ),
    );
  });

  it("are one result after what they replace is taken out, also when they fire early", () => {
    const early = fc.constantFrom<WindowPolicy>(
      { early: { count: 1 } },
      { early: { count: 2 } },
      { early: { every: 3, clock: "event" } },
    );
    fc.assert(
      fc.property(
        partitionedInput({ ownKeys: true }),
        steps({ crashes: false }),
        gap,
        lateness,
        early,
        (input, plan, gapMs, late, policy) => {
          const run = new InputRun(
            window("w", session({ gap: gapMs }), { ...policy, allowedLateness: late }, collect, true),
            input,
            plan,
          );
          expect(lastResults(run.outs)).toEqual(sessionOracle(input, gapMs, late).windows);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("state of windows", () => {
  it("is gone when everything has fired, and only what changed is saved", () => {
    fc.assert(
      fc.property(
        partitionedInput({ ownKeys: true }),
        fc.constantFrom<WindowSpec>(
          tumbling({ size: 7 }),
          sliding({ size: 9, slide: 2 }),
          sliding({ size: 3, slide: 5 }),
          session({ gap: 4 }),
        ),
        lateness,
        anyContent,
        (input, spec, late, content) => {
          fc.pre(!(spec.merging && content === folded));
          const plan: Step[] = oneByOne(input).flatMap((step) => [step, { op: "checkpoint" }]);
          const { harness } = new InputRun(window("w", spec, { allowedLateness: late }, content, true), input, plan);
          expect(harness.stage.held?.()).toBe(0);
          harness.checkpoint();
          // The watermark alone.
          expect(harness.stored).toBeLessThanOrEqual(1);
          expect([...(harness.stage.snapshot?.() ?? [])]).toEqual([]);
        },
      ),
    );
  });
});
