import type { Engine } from "./engine.js";
import { type EngineResult, isRate, type Results } from "./results.js";

/** A ratio to another engine on the same workload, or a figure of our own, and where it must lie. */
interface Target {
  readonly workload: `W${string}`;
  /** Our rate divided by this engine's (`atLeast`), or its rate by ours (`atMost`). */
  readonly against?: Engine;
  readonly figure?: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** A target beside what was measured. */
export interface Outcome {
  readonly workload: string;
  readonly text: string;
  readonly measured: number;
  readonly held: boolean;
}

const TARGETS: readonly Target[] = [
  { workload: "W1", against: "rxjs", atLeast: 8 },
  { workload: "W1", against: "most", atLeast: 1.5 },
  { workload: "W1", against: "loop", atMost: 4 },
  { workload: "W2", against: "rxjs", atLeast: 50 },
  { workload: "W2", against: "most", atLeast: 20 },
  { workload: "W3", against: "rxjs", atLeast: 12 },
  { workload: "W3", against: "node", atLeast: 8 },
  { workload: "W3", against: "loop", atMost: 1.5 },
  { workload: "W4micro", against: "streaming-iterables", atLeast: 8 },
  { workload: "W4immediate", against: "streaming-iterables", atLeast: 2.5 },
  { workload: "W4timer", against: "streaming-iterables", atLeast: 1.7 },
  { workload: "W4timer", against: "loop", atMost: 1.5 },
  { workload: "W5", against: "loop", atMost: 1.15 },
  { workload: "W5", against: "rxjs", atLeast: 1.4 },
  { workload: "W5", against: "go-streams", atLeast: 4 },
  { workload: "W5p", against: "rxjs", atLeast: 2.4 },
  { workload: "W5p", against: "loop", atMost: 1.1 },
  { workload: "W6", against: "naive", atLeast: 6 },
  { workload: "W6json", against: "flink", atLeast: 7 },
  { workload: "W7", against: "rxjs", atLeast: 5 },
  { workload: "W7", against: "effect", atLeast: 2 },
  { workload: "W8", against: "rxjs", atLeast: 8 },
  { workload: "W8", against: "loop", atMost: 1.2 },
  { workload: "W8", figure: "bytesPerValue", atMost: 16 },
  { workload: "W9", figure: "p99us", atMost: 1 },
  { workload: "W10", figure: "maxBlockMs1k", atMost: 5 },
  { workload: "W10", figure: "maxBlockMs", atMost: 20 },
  { workload: "W10", figure: "maxBlockMs100k", atMost: 150 },
  { workload: "W10", figure: "growth", atMost: 1.5 },
  { workload: "W10", figure: "cpuShare", atMost: 0.05 },
];

/** All targets whose numbers were measured. */
export function judge(results: Results): readonly Outcome[] {
  const outcomes = TARGETS.flatMap((target) => outcomeOf(target, results) ?? []);
  const latencies = results.W9;
  const ours = figureOf(latencies?.millrace, "p50us");
  const theirs = figureOf(latencies?.rxjs, "p50us");
  if (ours === undefined || theirs === undefined) return outcomes;
  return [...outcomes, { workload: "W9", text: "p50us below that of rxjs", measured: ours, held: ours < theirs }];
}

function outcomeOf(target: Target, results: Results): Outcome | undefined {
  const measured = measure(target, results);
  if (measured === undefined) return undefined;
  const { workload, against, figure, atLeast, atMost } = target;
  const name = figure ?? (atLeast === undefined ? `times slower than ${against}` : `times as fast as ${against}`);
  if (atLeast !== undefined)
    return { workload, text: `${name}: at least ${atLeast}`, measured, held: measured >= atLeast };
  const most = atMost ?? Number.NaN;
  return { workload, text: `${name}: at most ${most}`, measured, held: measured <= most };
}

function measure({ workload, against, figure, atLeast }: Target, results: Results): number | undefined {
  const ours = results[workload]?.millrace;
  if (figure !== undefined) return figureOf(ours, figure);
  const theirs = against === undefined ? undefined : results[workload]?.[against];
  if (!isRate(ours) || !isRate(theirs)) return undefined;
  return atLeast === undefined ? theirs.median / ours.median : ours.median / theirs.median;
}

function figureOf(result: EngineResult | undefined, name: string): number | undefined {
  return (result as Readonly<Record<string, number>> | undefined)?.[name];
}
