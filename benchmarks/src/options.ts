import { parseArgs } from "node:util";
import { QUICK_ENGINES, QUICK_WORKLOADS, WORKLOADS } from "./catalog.js";
import { ENGINES, type Engine, engineOf } from "./engine.js";
import type { Workload } from "./workload.js";

export interface Options {
  readonly workloads: readonly Workload[];
  readonly engines: readonly Engine[];
  readonly rounds: number;
  readonly quick: boolean;
  /** Every workload and engine: what the page in `docs/` is made of. */
  readonly whole: boolean;
  readonly polluted: boolean;
  readonly leastCpuMs: number;
  readonly json: string | undefined;
  /** Write the page and the chart again from this file, without measuring. */
  readonly report: string | undefined;
}

export const USAGE: string = `npm run bench -- [options]
  --quick            ${QUICK_WORKLOADS.join(" ")}, ${QUICK_ENGINES.join(" ")}, few values, 3 rounds
  --only W1,W5       these workloads (W4 stands for W4micro, W4immediate and W4timer)
  --engines a,b      these engines
  --rounds N         processes for each engine (default 7)
  --no-polluted      do not run other pipelines first (W1 to W3 of Millrace)
  --json FILE        write the results there
  --report FILE      write docs/benchmarks.md and .svg from such a file, without measuring`;

const FULL_ROUNDS = 7;
const QUICK_ROUNDS = 3;
const FULL_CPU_MS = 300;
const QUICK_CPU_MS = 120;

export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    allowNegative: true,
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      engines: { type: "string" },
      rounds: { type: "string" },
      polluted: { type: "boolean", default: true },
      json: { type: "string" },
      report: { type: "string" },
    },
  });
  const { quick, only, engines, polluted, json, report } = values;
  const rounds = values.rounds === undefined ? (quick ? QUICK_ROUNDS : FULL_ROUNDS) : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new Error(`--rounds must be a whole number from 1; it is ${values.rounds}`);
  return {
    workloads: chooseWorkloads(only, quick),
    engines: chooseEngines(engines, quick),
    rounds,
    quick,
    whole: !quick && only === undefined && engines === undefined,
    polluted,
    leastCpuMs: quick ? QUICK_CPU_MS : FULL_CPU_MS,
    json,
    report,
  };
}

function chooseWorkloads(only: string | undefined, quick: boolean): readonly Workload[] {
  if (only === undefined) return WORKLOADS.filter(({ id }) => !quick || QUICK_WORKLOADS.includes(id));
  const chosen = only.split(",").flatMap((name) => {
    const found = WORKLOADS.filter(
      ({ id }) => id === name || (id.startsWith(name) && /^[a-z]/.test(id.slice(name.length))),
    );
    if (found.length === 0)
      throw new Error(`--only: there is no workload ${name}; there are ${WORKLOADS.map(({ id }) => id).join(", ")}`);
    return found;
  });
  return WORKLOADS.filter((workload) => chosen.includes(workload));
}

function chooseEngines(names: string | undefined, quick: boolean): readonly Engine[] {
  if (names === undefined) return quick ? QUICK_ENGINES : ENGINES;
  const chosen = names.split(",").map((name) => {
    const engine = engineOf(name);
    if (engine === undefined) throw new Error(`--engines: there is no engine ${name}; there are ${ENGINES.join(", ")}`);
    return engine;
  });
  return ENGINES.filter((engine) => chosen.includes(engine));
}
