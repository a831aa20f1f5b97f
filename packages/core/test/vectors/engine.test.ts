import { describe, expect, it } from "vitest";
import { countWindow, type Late, session, sliding, tumbling, type Windowed, type WindowSpec } from "../../src/index.js";
import { testFlow, testSink } from "../../src/testing/index.js";
import { type Case, type Entry, sorted, vectors } from "./vectors.js";

/** The same cases through the whole engine: a topology with its source, channels, checkpoints and sinks. */
interface Params {
  readonly assigner: {
    readonly type: string;
    readonly time?: "event" | "processing";
    readonly size: number;
    readonly slide: number;
    readonly offset?: number;
    readonly gap: number;
  };
  readonly trigger: { readonly type: string };
  readonly countWindow?: { readonly size: number; readonly slide?: number };
  readonly allowedLateness?: number;
  readonly lateOutput?: boolean;
  readonly agg: "sum" | "count" | "collect";
}
interface Sent {
  readonly key: string;
  readonly value: number;
}

function specOf({ assigner, countWindow: count }: Params): WindowSpec | undefined {
  if (count !== undefined) return countWindow(count.size, count.slide === undefined ? {} : { step: count.slide });
  const { type, time: clock = "event", size, slide, offset = 0, gap } = assigner;
  const aligned = (period: number): number => ((offset % period) + period) % period;
  if (type === "tumbling") return tumbling({ size, offset: aligned(size), clock });
  if (type === "sliding") return sliding({ size, slide, offset: aligned(slide), clock });
  return type === "session" ? session({ gap, clock }) : undefined;
}

const plain = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map((one) => (one as Sent).value ?? one).sort((left, right) => left - right)
    : typeof value === "object" && value !== null
      ? (value as { sum: number }).sum
      : value;

async function run({ input, operator: { params } }: Case<Params>, spec: WindowSpec): Promise<Entry[]> {
  const late = testSink<Late<Sent>>("late");
  const flow = testFlow<Sent, Windowed<string, unknown>>((stream) => {
    const policy =
      spec.kind === "count" || params.assigner.time === "processing"
        ? { late }
        : { late, allowedLateness: params.allowedLateness ?? 0 };
    const windows = stream.keyBy(({ key }) => key).window("w", spec, policy);
    if (params.agg === "count") return windows.count();
    return params.agg === "collect"
      ? windows.collect()
      : windows.aggregate((by) => ({ sum: by.sum(({ value }) => value) }));
  });
  const entries: Entry[] = [];
  let lates = 0;
  for (const [after, step] of input.entries()) {
    if (step.op === "element")
      await flow.send(
        { key: step.key as string, value: step.value },
        step.time === undefined ? {} : { time: step.time },
      );
    else if (step.op === "watermark") await flow.watermark(step.time);
    else if (step.op === "advanceProcessingTime") await flow.clock.set(step.time);
    else if (step.op === "snapshotRestore") await (after === 0 ? undefined : flow.restart());
    // By processing time what is open stays open in Flink when the input ends.
    else if (params.assigner?.time !== "processing") await flow.end();
    for (const {
      value: { key, window, value, timing },
      time,
    } of flow.elements())
      entries.push(
        spec.kind === "count"
          ? { after, output: { key, value: plain(value) } }
          : { after, output: { key, window, value: plain(value), time: time as number, timing } },
      );
    for (const one of late.values.slice(lates))
      entries.push({ after, late: { key: one.key as string, value: one.value.value, time: one.time } });
    lates = late.values.length;
  }
  return entries;
}

describe("vectors through the engine", () => {
  for (const family of ["f1-tumbling", "f2-sliding", "f3-session", "f4-count", "f5-processing-time", "f10-restore"]) {
    it(family, async () => {
      let cases = 0;
      for (const one of vectors<Params>(family)) {
        const { params, kind } = one.operator;
        if (kind === "keyedTimers" || (params.trigger !== undefined && params.trigger.type !== "default")) continue;
        if (params.assigner?.time === "processing" && one.tags?.includes("ptBoundary") === true) continue;
        const spec = specOf(params);
        if (spec === undefined) continue;
        const entries = (await run(one, spec)).filter(({ late }) => late === undefined || params.lateOutput === true);
        const expected = one.expected.map(
          ({ after, output, late }): Entry =>
            output === undefined
              ? { after, late: late as NonNullable<Entry["late"]> }
              : { after, output: { ...output, value: plain(output.value) } },
        );
        const outputs = (all: readonly Entry[]): Entry[] => all.filter(({ late }) => late === undefined);
        expect([one.id, sorted(entries)]).toEqual([one.id, sorted(expected)]);
        if (!one.unordered) expect([one.id, outputs(entries)]).toEqual([one.id, outputs(expected)]);
        cases++;
      }
      expect(cases).toBeGreaterThan(20);
    });
  }
});
