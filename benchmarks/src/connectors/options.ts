import { parseArgs } from "node:util";
import { type ConnectorWorkload, WORKLOADS } from "./catalog.js";
import { START_THEM } from "./servers.js";

export interface Options {
  readonly workloads: readonly ConnectorWorkload[];
  readonly rounds: number;
  readonly quick: boolean;
  /** Write the page and its numbers into `docs/`. */
  readonly report: boolean;
  /** Write the page again from the numbers that are there, without measuring. */
  readonly again: boolean;
}

export const USAGE: string = `npm run bench:connectors -- [options]
  --rounds N    processes for each contender (default 7)
  --quick       few values, 2 rounds
  --only a,b    these workloads: ${WORKLOADS.map(({ id }) => id).join(" ")}; "redpanda" stands for all of its own
  --report      write docs/benchmarks-connectors.md and .json
  --again       write docs/benchmarks-connectors.md again from the .json, without measuring

The servers are found by the variables of the testbed; a workload whose server is missing is left out:
  ${START_THEM}`;

const FULL_ROUNDS = 7;
const QUICK_ROUNDS = 2;

export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      rounds: { type: "string" },
      report: { type: "boolean", default: false },
      again: { type: "boolean", default: false },
    },
  });
  const { quick, only, report, again } = values;
  const rounds = values.rounds === undefined ? (quick ? QUICK_ROUNDS : FULL_ROUNDS) : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new Error(`--rounds must be a whole number from 1; it is ${values.rounds}`);
  if (report && (quick || only !== undefined))
    throw new Error("--report is of all workloads at their full size: leave out --quick and --only");
  return { workloads: only === undefined ? WORKLOADS : choose(only), rounds, quick, report, again };
}

function choose(names: string): readonly ConnectorWorkload[] {
  const chosen = names.split(",").flatMap((name) => {
    const exact = WORKLOADS.filter(({ id }) => id === name);
    const found = exact.length > 0 ? exact : WORKLOADS.filter(({ id }) => id.startsWith(`${name}-`));
    if (found.length === 0)
      throw new Error(`--only: there is no workload ${name}; there are ${WORKLOADS.map(({ id }) => id).join(", ")}`);
    return found;
  });
  return WORKLOADS.filter((workload) => chosen.includes(workload));
}
