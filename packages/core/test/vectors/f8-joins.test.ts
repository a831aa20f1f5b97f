import { afterAll, describe, expect, it } from "vitest";
import type { OperatorSpec } from "../../src/stage.js";
import { LATE } from "../../src/stage.js";
import { join } from "../../src/windows/join.js";
import { session } from "../../src/windows/session.js";
import { sliding } from "../../src/windows/sliding.js";
import { tumbling } from "../../src/windows/tumbling.js";
import type { Late, WindowSpec } from "../../src/windows/window.js";
import { batchOf, type Out, StageHarness } from "../stage-harness.js";
import { type Case, type Entry, type Step, sorted, vectors } from "./vectors.js";

interface Params {
  readonly lower: number;
  readonly upper: number;
  readonly lowerInclusive: boolean;
  readonly upperInclusive: boolean;
  readonly lateOutput: boolean;
  readonly assigner: {
    readonly type: string;
    readonly size: number;
    readonly slide: number;
    readonly offset: number;
    readonly gap: number;
  };
  readonly allowedLateness: number;
  readonly type: "inner" | "left" | "outer";
  readonly before: number;
  readonly after: number;
  readonly grace: number;
}
type JoinCase = Case<Params>;
interface Sent {
  readonly value: number;
  readonly time: number;
}

const counts = new Map<string, number>();
function count(what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}
afterAll(() => {
  console.log(`vectors, joins:\n${[...counts].map(([what, n]) => `  ${n} ${what}`).join("\n")}`);
});

const ofKind = (kind: string): JoinCase[] =>
  vectors<Params>("f8-joins").filter(({ operator }) => operator.kind === kind);

/** Runs a join; `marked`: values come as from eventTime. `move` sees to the watermark after a value. */
function run(
  operator: OperatorSpec,
  input: readonly Step[],
  marked: boolean,
  move?: (h: StageHarness, step: Step) => void,
): Entry[] {
  const h = new StageHarness(operator);
  const entries: Entry[] = [];
  const watermarks = { left: Number.NEGATIVE_INFINITY, right: Number.NEGATIVE_INFINITY };
  for (const [after, step] of input.entries()) {
    if (step.op === "element") {
      const { key, value, time = 0, side = "left" } = step;
      // Flink knows one watermark for both sides, as if they were one partition.
      const watermark = Math.min(watermarks.left, watermarks.right);
      const mark = marked && time <= watermark + 1 ? { mark: watermark } : {};
      h.sendBatch(batchOf([{ value: { value, time }, key, time, ...mark }]), side === "left" ? 0 : 1);
    } else if (step.op === "watermark") {
      for (const side of ["left", "right"] as const)
        if (step.side === undefined || step.side === side) watermarks[side] = Math.max(watermarks[side], step.time);
      h.watermark(Math.min(watermarks.left, watermarks.right));
    } else if (step.op === "end") {
      h.watermark(Number.POSITIVE_INFINITY);
    }
    move?.(h, step);
    for (const out of h.drain() as Out[]) entries.push(entryOf(after, out));
  }
  return entries;
}

function entryOf(after: number, { output, value, time, key }: Out): Entry {
  if (output !== LATE) return { after, output: { key: key as string, value, time: time as number } };
  const late = value as Late<Sent>;
  return { after, late: { key: late.key as string, value: late.value.value, time: late.time } };
}

function expectEntries(one: JoinCase, actual: readonly Entry[], expected: readonly Entry[]): void {
  const plain = expected.map(
    ({ after, output, late }): Entry =>
      output === undefined
        ? { after, late: { key: late?.key as string, value: late?.value, time: late?.time as number } }
        : { after, output },
  );
  if (one.unordered) expect(sorted(actual)).toEqual(sorted(plain));
  else expect(actual).toEqual(plain);
}

const both = (left: unknown, right: unknown): object => {
  const [l, r] = [left as Sent | undefined, right as Sent | undefined];
  return {
    left: l?.value ?? null,
    right: r?.value ?? null,
    ...(l === undefined ? {} : { leftTime: l.time }),
    ...(r === undefined ? {} : { rightTime: r.time }),
  };
};
const values = (list: unknown): number[] =>
  (list as Sent[]).map(({ value }) => value).sort((left, right) => left - right);

function specOf({ type, size, slide, offset = 0, gap }: Params["assigner"]): WindowSpec {
  const aligned = (period: number): number => ((offset % period) + period) % period;
  if (type === "tumbling") return tumbling({ size, offset: aligned(size) });
  return type === "sliding" ? sliding({ size, slide, offset: aligned(slide) }) : session({ gap });
}

describe("vectors of Flink: f8-joins", () => {
  for (const one of ofKind("intervalJoin")) {
    const { lower, upper, lowerInclusive, upperInclusive, lateOutput } = one.operator.params;
    const from = lowerInclusive ? lower : lower + 1;
    const to = upperInclusive ? upper : upper - 1;
    if (from > to) {
      count("intervalJoin not run: no time is within the bounds, which we refuse");
      continue;
    }
    count("intervalJoin equal");
    it(`${one.id} intervalJoin`, () => {
      for (const marked of [false, true]) {
        const entries = run(join("inner", "j", { between: [from, to] }, both), one.input, marked);
        expectEntries(
          one,
          entries.filter(({ late }) => lateOutput || late === undefined),
          one.expected,
        );
      }
    });
  }

  for (const one of [...ofKind("windowJoin"), ...ofKind("windowCoGroup")]) {
    const {
      kind,
      params: { assigner, allowedLateness },
    } = one.operator;
    count(`${kind} equal`);
    it(`${one.id} ${kind}`, () => {
      const pairs = (left: unknown, right: unknown): object => ({
        left: (left as Sent).value,
        right: (right as Sent).value,
      });
      const lists = (left: unknown, right: unknown): object => ({ left: values(left), right: values(right) });
      for (const marked of [false, true]) {
        const operator =
          kind === "windowJoin"
            ? join("inner", "j", specOf(assigner), pairs, { allowedLateness })
            : join("coGroup", "j", specOf(assigner), lists, { allowedLateness });
        const entries = run(operator, one.input, marked).filter(({ late }) => late === undefined);
        // Flink pairs in the order of arrival, we in the order of time.
        expect(sorted(entries)).toEqual(sorted(one.expected));
      }
    });
  }
});

/** A value that is behind the watermark joins nothing with us; in Kafka Streams it still meets what is kept. */
function hasLate({ input, operator: { params } }: JoinCase): boolean {
  let latest = Number.NEGATIVE_INFINITY;
  return input.some((step) => {
    if (step.op !== "element" || step.time === undefined) return false;
    const late = step.time < latest - params.grace;
    latest = Math.max(latest, step.time);
    return late;
  });
}

describe("vectors of Kafka Streams: f8-joins", () => {
  for (const one of ofKind("streamStreamJoin")) {
    const { params } = one.operator;
    const departs = (one.tags ?? []).filter((tag) => tag !== "streamTime");
    const reason =
      departs.length > 0
        ? "Kafka Streams departs from its own rules"
        : hasLate(one)
          ? "a value behind the watermark joins nothing"
          : params.after < -params.before
            ? "no time is within the bounds"
            : undefined;
    if (reason !== undefined) {
      count(`streamStreamJoin not run: ${reason}`);
      continue;
    }
    count("streamStreamJoin equal");
    it(`${one.id} streamStreamJoin`, () => {
      let latest = Number.NEGATIVE_INFINITY;
      const operator = join(params.type, "j", { between: [-params.before, params.after] }, (left, right) => ({
        left: (left as Sent | undefined)?.value ?? null,
        right: (right as Sent | undefined)?.value ?? null,
      }));
      const entries = run(operator, one.input, false, (h, step) => {
        if (step.op !== "element") return;
        latest = Math.max(latest, step.time as number);
        h.watermark(latest - params.grace);
      });
      expectEntries(one, entries, one.expected);
    });
  }
});
