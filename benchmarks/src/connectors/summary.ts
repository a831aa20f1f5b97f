import { summarize } from "../statistics.js";
import { CONTENDERS, type Contender } from "./connector-bench.js";
import type { ContenderResult, WorkloadResults } from "./results.js";

/** One process's run. */
export interface Measured {
  readonly contender: Contender;
  readonly round: number;
  readonly size: number;
  readonly cpuMs: number;
  readonly wallMs: number;
}

/** Medians over the rounds; the part of the loop is taken within a round, so that what slows a whole round does not count. */
export function summarizeRounds(measured: readonly Measured[]): WorkloadResults {
  const results: Partial<Record<Contender, ContenderResult>> = {};
  const loops = new Map(measured.filter(({ contender }) => contender === "loop").map((each) => [each.round, each]));
  for (const contender of CONTENDERS) {
    const own = measured.filter((each) => each.contender === contender);
    const [first] = own;
    if (first === undefined) continue;
    const parts = own.flatMap((each) => {
      const loop = loops.get(each.round);
      return loop === undefined ? [] : [cpuRate(each) / cpuRate(loop)];
    });
    results[contender] = {
      cpu: summarize(own.map(cpuRate)),
      wall: summarize(own.map(({ size, wallMs }) => size / (wallMs / 1000))),
      ...(contender === "loop" || parts.length === 0 ? {} : { ofLoop: summarize(parts) }),
      n: first.size,
    };
  }
  return results;
}

function cpuRate({ size, cpuMs }: Measured): number {
  return size / (cpuMs / 1000);
}
