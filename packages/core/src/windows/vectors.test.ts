import { afterAll, describe, expect, it } from "vitest";
import { batchOf, type Out, StageHarness } from "../../test/stage-harness.js";
import { type Case, type Entry, sorted, vectors } from "../../test/vectors/vectors.js";
import { LATE, MAIN, type OperatorSpec } from "../stage.js";
import { aggregates } from "./aggregate.js";
import { countWindow } from "./count.js";
import { session } from "./session.js";
import { sliding } from "./sliding.js";
import { tumbling } from "./tumbling.js";
import type { Late, Windowed, WindowPolicy, WindowSpec } from "./window.js";
import { type WindowContent, window } from "./window-operator.js";

interface Params {
  readonly assigner: {
    readonly type: string;
    readonly time?: "event" | "processing";
    readonly size: number;
    readonly slide: number;
    readonly offset?: number;
    readonly gap: number;
  };
  readonly trigger: {
    readonly type: string;
    readonly interval: number;
    readonly count: number;
    readonly purging?: boolean;
  };
  readonly allowedLateness?: number;
  readonly lateOutput?: boolean;
  readonly agg: "sum" | "count" | "collect";
}

type Content = WindowContent<number, unknown>;

/** The same result by every road there is: shared panes, an accumulator a window, values kept and folded at the end. */
function contents(agg: Params["agg"], merging: boolean): Record<string, Content> {
  const add = (left: number, right: number): number => left + right;
  if (agg === "collect") return { collect: { kind: "collect" } };
  if (agg === "count") {
    const fold = { kind: "fold" as const, initial: () => 0, fn: (count: unknown) => (count as number) + 1 };
    return { count: { kind: "count" }, fold: { ...fold, ...(merging ? { merge: add as never } : {}) } };
  }
  const fold = {
    kind: "fold" as const,
    initial: () => 0,
    fn: (sum: unknown, value: number) => (sum as number) + value,
  };
  return {
    aggregate: { kind: "aggregate", aggregates: { sum: aggregates<number>().sum((value) => value) } },
    reduce: { kind: "reduce", fn: add },
    fold: { ...fold, ...(merging ? { merge: add as never } : {}) },
  };
}

function specOf({ type, time, size, slide, offset = 0, gap }: Params["assigner"]): WindowSpec | undefined {
  const clock = time ?? "event";
  const aligned = (period: number): number => ((offset % period) + period) % period;
  if (type === "tumbling") return tumbling({ size, offset: aligned(size), clock });
  if (type === "sliding") return sliding({ size, slide, offset: aligned(slide), clock });
  return type === "session" ? session({ gap, clock }) : undefined;
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return [...value].sort((left, right) => left - right);
  return typeof value === "object" && value !== null && "sum" in value ? value.sum : value;
}

/** Runs the steps of a case; values come unmarked, or marked as eventTime marks them. */
function run(operator: OperatorSpec, { input }: Case<Params>, marked: boolean): { entries: Entry[]; dropped: number } {
  const harness = new StageHarness(operator);
  const entries: Entry[] = [];
  let watermark = Number.NEGATIVE_INFINITY;
  for (const [after, step] of input.entries()) {
    if (step.op === "element") {
      const { key, value, time } = step;
      const mark = marked && time !== undefined && time <= watermark + 1 ? { mark: watermark } : {};
      harness.sendBatch(batchOf([{ key, value, ...(time === undefined ? {} : { time }), ...mark }]));
    } else if (step.op === "watermark") {
      watermark = Math.max(watermark, step.time);
      harness.watermark(step.time);
    } else if (step.op === "advanceProcessingTime") {
      harness.set(step.time);
    } else if (step.op === "snapshotRestore") {
      harness.restart();
    } else {
      // Not onEnd(): in Flink what is by processing time stays.
      harness.watermark(Number.POSITIVE_INFINITY);
    }
    for (const out of harness.drain() as Out[]) entries.push(entryOf(after, out));
  }
  return { entries, dropped: harness.counters.late };
}

function entryOf(after: number, out: Out): Entry {
  if (out.output === LATE) {
    const { key, value, time } = out.value as Late<unknown>;
    return { after, late: { key: key as string, value, time } };
  }
  expect(out.output).toBe(MAIN);
  const { key, window, value, timing } = out.value as Windowed<string, unknown>;
  expect(out.key).toBe(key);
  return {
    after,
    output: {
      key,
      window: { start: window.start, end: window.end },
      value: plain(value),
      time: out.time as number,
      timing,
    },
  };
}

function expectedOf({ expected }: Case<Params>): Entry[] {
  return expected.map(({ after, output, late }) =>
    output === undefined
      ? { after, late: late as NonNullable<Entry["late"]> }
      : { after, output: { ...output, value: plain(output.value) } },
  );
}

const counts = new Map<string, number>();
function count(what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}
afterAll(() => {
  console.log(`vectors, windows:\n${[...counts].map(([what, n]) => `  ${n} ${what}`).join("\n")}`);
});

/** Why a case is not of ours; undefined: it must be equal. */
function notOurs({ operator: { params }, tags = [] }: Case<Params>): string | undefined {
  if (params.assigner?.type === "dynamicSession") return "dynamicSession: sessions have one gap";
  if (params.assigner?.type === "global") return "global window: countWindow() instead";
  if (params.assigner?.time === "processing" && tags.includes("ptBoundary"))
    return "ptBoundary: a window by processing time fires at its end, not a millisecond before";
  return undefined;
}

function policyOf({ allowedLateness = 0, trigger }: Params): WindowPolicy {
  const early =
    trigger.type === "count"
      ? { early: { count: trigger.count } }
      : trigger.type === "default"
        ? {}
        : {
            early: {
              every: trigger.interval,
              clock: trigger.type === "continuousEventTime" ? ("event" as const) : ("processing" as const),
            },
          };
  return { allowedLateness, firings: trigger.purging === true ? "discarding" : "accumulating", ...early };
}

/** One test a case of windows; `check` is called for each road to its results, with unmarked and marked values. */
function each(
  family: string,
  triggers: "default" | "early",
  check: (one: Case<Params>, operator: OperatorSpec, marked: boolean) => void,
): void {
  for (const one of vectors<Params>(family)) {
    const { kind, params } = one.operator;
    if (kind !== "window" || (params.trigger.type === "default") !== (triggers === "default")) continue;
    const reason = notOurs(one);
    if (reason !== undefined) {
      count(`${family} not run: ${reason}`);
      continue;
    }
    count(
      `${family} ${triggers === "default" ? "equal" : `${params.trigger.type}: equal in what our triggers have in common with it`}`,
    );
    const spec = specOf(params.assigner) as WindowSpec;
    it(one.id, () => {
      for (const content of Object.values(contents(params.agg, spec.merging))) {
        for (const marked of [false, true]) check(one, window("w", spec, policyOf(params), content, true), marked);
      }
    });
  }
}

function expectEntries(one: Case<unknown>, actual: readonly Entry[], expected: readonly Entry[]): void {
  if (one.unordered) expect(sorted(actual)).toEqual(sorted(expected));
  else expect(actual).toEqual(expected);
}

const isEarly = ({ output }: Entry): boolean => output?.timing === "early";
const isLate = ({ late }: Entry): boolean => late !== undefined;

describe("vectors of Flink: the default trigger", () => {
  for (const family of ["f1-tumbling", "f2-sliding", "f3-session", "f5-processing-time", "f10-restore"]) {
    describe(family, () => {
      each(family, "default", (one, operator, marked) => {
        const { entries, dropped } = run(operator, one, marked);
        const { lateOutput } = one.operator.params;
        expectEntries(
          one,
          entries.filter((entry) => lateOutput === true || !isLate(entry)),
          expectedOf(one),
        );
        if (one.lateDropped !== undefined) expect(dropped).toBe(one.lateDropped);
      });
    });
  }
});

describe("vectors of Flink: f4-count", () => {
  for (const one of vectors<{
    readonly countWindow: { readonly size: number; readonly slide?: number };
    readonly agg: Params["agg"];
  }>("f4-count")) {
    count("f4-count equal");
    const {
      countWindow: { size, slide },
      agg,
    } = one.operator.params;
    it(one.id, () => {
      for (const content of Object.values(contents(agg, false))) {
        const spec = countWindow(size, slide === undefined ? {} : { step: slide });
        const { entries } = run(window("w", spec, {}, content, true), one as unknown as Case<Params>, true);
        const outputs = entries.map(({ after, output }) => ({
          after,
          output: { key: output?.key, value: output?.value },
        }));
        const expected = one.expected.map(({ after, output }) => ({
          after,
          output: { key: output?.key, value: plain(output?.value) },
        }));
        expect(outputs).toEqual(expected);
      }
    });
  }
});

/**
 * Flink's triggers replace its default one, ours add early results to it: `count` does not fire at the end there, `every` is aligned to the
 * epoch there and fires without a change. What both have in common is compared.
 */
describe("vectors of Flink: early results", () => {
  for (const family of ["f6-triggers", "f10-restore"]) {
    describe(family, () => {
      each(family, "early", (one, operator, marked) => {
        const { trigger, assigner, lateOutput } = one.operator.params;
        const { entries } = run(operator, one, marked);
        const expected = expectedOf(one);
        if (assigner.time === "event" && lateOutput === true)
          expectEntries(one, entries.filter(isLate), expected.filter(isLate));
        if (trigger.type === "count") {
          expectEntries(one, entries.filter(isEarly), expected.filter(isEarly));
        } else if (trigger.purging === true) {
          expect(totals(entries, assigner.type)).toEqual(totals(expected, assigner.type));
        } else {
          const last = (all: readonly Entry[]): Entry[] =>
            all.filter((entry) => !isEarly(entry) && !isLate(entry) && !isRepeat(entry, one));
          expectEntries(one, last(entries), last(expected));
        }
      });
    });
  }
});

/** A closed session that Flink's trigger fires once more although nothing was added. */
function isRepeat({ after, output }: Entry, { input }: Case<Params>): boolean {
  return output?.timing === "late" && input[after]?.op === "watermark";
}

/** What the results of a window (of a key, where windows grow) hold together, where each holds only what is new. */
function totals(entries: readonly Entry[], assigner: string): Record<string, unknown> {
  const sums: Record<string, unknown> = {};
  for (const { output } of entries) {
    if (output === undefined) continue;
    const id = assigner === "session" ? `${output.key}` : `${output.key} ${output.window?.start} ${output.window?.end}`;
    const before = sums[id];
    sums[id] = Array.isArray(output.value)
      ? plain([...((before ?? []) as number[]), ...(output.value as number[])])
      : ((before ?? 0) as number) + (output.value as number);
  }
  return sums;
}
