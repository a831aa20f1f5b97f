import { afterAll, describe, expect, it } from "vitest";
import { MAIN } from "../../src/stage.js";
import { session } from "../../src/windows/session.js";
import { sliding } from "../../src/windows/sliding.js";
import type { TimeSpan, Windowed, WindowPolicy } from "../../src/windows/window.js";
import { type WindowContent, window } from "../../src/windows/window-operator.js";
import { batchOf, type Out, StageHarness } from "../stage-harness.js";
import { type Case, sorted, vectors } from "./vectors.js";

interface Params {
  readonly assigner: {
    readonly type: "session" | "hopping" | "perRecordSliding";
    readonly gap: number;
    readonly size: number;
    readonly slide: number;
  };
  readonly grace: number;
  readonly emit: "everyUpdate" | "final";
  readonly agg: "sum" | "count" | "collect";
}
type WindowCase = Case<Params>;
interface Entry {
  readonly after: number;
  readonly output: { readonly key: string; readonly window: TimeSpan; readonly value: unknown };
}

const counts = new Map<string, number>();
function count(what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}
afterAll(() => {
  console.log(`vectors, Kafka Streams windows:\n${[...counts].map(([what, n]) => `  ${n} ${what}`).join("\n")}`);
});

function contentOf(agg: Params["agg"]): WindowContent<number, unknown> {
  if (agg === "collect") return { kind: "collect" };
  return agg === "count" ? { kind: "count" } : { kind: "reduce", fn: (left, right) => left + right };
}

const plain = (value: unknown): unknown =>
  Array.isArray(value) ? [...value].sort((left, right) => left - right) : value;

/** Stream time as a watermark: S means that nothing at S − 1 is expected any more; windows wait for `grace` by allowedLateness. */
function run({ operator: { params }, input }: WindowCase): Entry[] {
  const { assigner, grace, emit, agg } = params;
  const policy: WindowPolicy =
    emit === "final" ? { emit, allowedLateness: grace } : { early: { count: 1 }, allowedLateness: grace };
  const spec =
    assigner.type === "session"
      ? session({ gap: assigner.gap })
      : sliding({ size: assigner.size, slide: assigner.slide });
  // Theirs ends with its last value.
  const theirs = ({ start, end }: TimeSpan): TimeSpan =>
    assigner.type === "session" ? { start, end: end - assigner.gap } : { start, end };
  const h = new StageHarness(window("w", spec, policy, contentOf(agg), true));
  const entries: Entry[] = [];
  let latest = Number.NEGATIVE_INFINITY;
  for (const [after, step] of input.entries()) {
    if (step.op !== "element" || step.time === undefined) continue;
    h.sendBatch(batchOf([{ value: step.value, key: step.key, time: step.time }]));
    latest = Math.max(latest, step.time);
    h.watermark(latest - 1);
    for (const { output, value } of h.drain() as Out[]) {
      if (output !== MAIN) continue;
      const result = value as Windowed<string, unknown>;
      // Each update came out before: the result on time holds nothing new.
      if (result.window.start < 0 || (emit === "everyUpdate" && result.timing === "onTime")) continue;
      for (const old of result.replaces ?? [])
        entries.push({ after, output: { key: result.key, window: theirs(old), value: null } });
      entries.push({ after, output: { key: result.key, window: theirs(result.window), value: plain(result.value) } });
    }
  }
  return entries;
}

/** A value exactly at the end of grace opens a session there that is final at once; with us it is late. */
function atTheEdge({ operator: { params }, input }: WindowCase): boolean {
  if (params.assigner.type !== "session") return false;
  let latest = Number.NEGATIVE_INFINITY;
  return input.some((step) => {
    if (step.op !== "element" || step.time === undefined) return false;
    latest = Math.max(latest, step.time);
    return step.time + params.assigner.gap + params.grace === latest;
  });
}

describe("vectors of Kafka Streams: f12-ks-windows", () => {
  for (const one of vectors<Params>("f12-ks-windows")) {
    const { assigner, emit } = one.operator.params;
    const reason =
      assigner.type === "perRecordSliding"
        ? "windows around each value"
        : atTheEdge(one)
          ? "a value exactly at the end of grace is late"
          : undefined;
    if (reason !== undefined) {
      count(`${assigner.type} ${emit} not run: ${reason}`);
      continue;
    }
    count(`${assigner.type} ${emit} equal`);
    it(`${one.id} ${assigner.type} ${emit}`, () => {
      const expected = one.expected.map(
        ({ after, output }): Entry => ({
          after,
          output: { key: output?.key as string, window: output?.window as TimeSpan, value: plain(output?.value) },
        }),
      );
      const withdrawn = (entries: readonly Entry[]): Entry[] =>
        assigner.type === "session"
          ? entries.filter(
              ({ after, output }) =>
                output.value !== null ||
                !entries.some(
                  (other) =>
                    other.after === after &&
                    other.output.value !== null &&
                    other.output.window.start === output.window.start &&
                    other.output.window.end === output.window.end,
                ),
            )
          : [...entries];
      expect(sorted(run(one))).toEqual(sorted(withdrawn(expected)));
    });
  }
});
