import { loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { type Command, execute } from "../process.js";
import { thisMachine } from "../results.js";
import { type ConnectorWorkload, sizeOf } from "./catalog.js";
import type { Contender } from "./connector-bench.js";
import { sameContents } from "./contents.js";
import type { Options } from "./options.js";
import type { ConnectorResults, WorkloadResults } from "./results.js";
import { missing, SERVERS, type ServerName, START_THEM } from "./servers.js";
import { type Measured, summarizeRounds } from "./summary.js";
import type { ConnectorReport, ConnectorTask } from "./task.js";

const CHILD: Command = { file: process.execPath, args: [fileURLToPath(new URL("./child.js", import.meta.url))] };
const WARM_UP_CPU_MS = 400;
const QUICK_WARM_UP_CPU_MS = 50;

type Say = (line: string) => void;
type RunTask = (task: ConnectorTask) => Promise<ConnectorReport>;

/** Measures all that was asked for, each contender in a process of its own each round, the contenders of a workload taking turns. */
export async function run(options: Options, say: Say, environment: NodeJS.ProcessEnv): Promise<ConnectorResults> {
  const [load = 0] = loadavg();
  const skipped = missingServers(options.workloads, environment);
  for (const [server, reason] of Object.entries(skipped)) say(`${server} is left out: ${reason}`);
  const workloads = options.workloads.filter(({ server }) => skipped[server] === undefined);
  if (workloads.length === 0) throw new Error(`no server is there. Start them: ${START_THEM}`);
  const results: Record<string, WorkloadResults> = {};
  const began = performance.now();
  for (const [i, workload] of workloads.entries()) {
    const minutes = ((performance.now() - began) / 60_000).toFixed(1);
    say(`${workload.id} (${i + 1} of ${workloads.length}, ${minutes} min)  ${workload.title}`);
    results[workload.id] = await measureWorkload(workload, options, say, runInProcess);
  }
  return { machine: thisMachine(options.rounds), load, skipped, workloads: results };
}

function missingServers(
  workloads: readonly ConnectorWorkload[],
  environment: NodeJS.ProcessEnv,
): Partial<Record<ServerName, string>> {
  const skipped: Partial<Record<ServerName, string>> = {};
  for (const server of SERVERS) {
    const reason = missing(server, environment);
    if (reason !== undefined && workloads.some((workload) => workload.server === server)) skipped[server] = reason;
  }
  return skipped;
}

async function runInProcess(task: ConnectorTask): Promise<ConnectorReport> {
  const output = await execute(CHILD.file, [...CHILD.args, JSON.stringify(task)]);
  return JSON.parse(output.trim().split("\n").at(-1) ?? "") as ConnectorReport;
}

/** Every second round is of these two alone, whose ratio is judged: the others would make it a third longer. */
const BACKWARDS: readonly Contender[] = ["millrace", "loop"];

/** The rounds of one workload. Every second one goes in the other order, so that nobody is always behind the same other. */
export async function measureWorkload(
  workload: ConnectorWorkload,
  { rounds, quick }: Pick<Options, "rounds" | "quick">,
  say: Say,
  runTask: RunTask,
): Promise<WorkloadResults> {
  const { id, contenders } = workload;
  const run = `${Date.now().toString(36)}${process.pid.toString(36)}`;
  const reads = id.includes("source");
  const taskOf = (mode: ConnectorTask["mode"], contender: Contender, turn: number): ConnectorTask => ({
    workload: id,
    mode,
    contender,
    size: sizeOf(workload, contender, quick),
    place: `bench_${run}_${id.replaceAll("-", "_")}${reads ? "" : `_${turn}`}`,
    warmUpCpuMs: quick ? QUICK_WARM_UP_CPU_MS : WARM_UP_CPU_MS,
  });
  const measured: Measured[] = [];
  if (reads) await runTask(taskOf("fill", "loop", 0));
  for (let round = 1; round <= rounds; round++) {
    for (const contender of round % 2 === 0 ? BACKWARDS.filter((each) => contenders.includes(each)) : contenders) {
      const task = taskOf("time", contender, measured.length);
      const report = await runTask(task);
      requireEqual(task, report);
      measured.push({ contender, round, size: task.size, cpuMs: report.cpuMs, wallMs: report.wallMs });
      const each = (ms: number): string => `${((ms * 1000) / task.size).toFixed(1)} µs`;
      say(
        `  round ${round}/${rounds}  ${contender.padEnd(9)} CPU ${each(report.cpuMs)} a value, ${each(report.wallMs)} by the clock`,
      );
    }
  }
  if (reads) await runTask(taskOf("drop", "loop", 0));
  return summarizeRounds(measured);
}

function requireEqual({ workload, contender }: ConnectorTask, { contents, expected }: ConnectorReport): void {
  if (sameContents(contents, expected)) return;
  throw new Error(
    `${workload}: ${contender} leaves ${contents.count} values (checksum ${contents.checksum}) where ${expected.count} (${expected.checksum}) should be`,
  );
}
