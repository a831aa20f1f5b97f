import { setImmediate as turn } from "node:timers/promises";
import { type BenchEvent, benchEvents } from "./bench-event.js";
import { workloadOf } from "./catalog.js";
import { amountsOf, type BenchModule, type SinkBench, type SourceBench } from "./connector-bench.js";
import { type Contents, contentsOf } from "./contents.js";
import type { ConnectorReport, ConnectorTask } from "./task.js";

/** The part of the values that a warm-up of a sink has. */
const WARM_UP_PART = 0.25;
/** By the clock: some servers are so slow that we would wait for them most of the time. */
const MOST_WARM_UP_MS = 3_000;

async function perform(task: ConnectorTask): Promise<ConnectorReport | undefined> {
  const workload = workloadOf(task.workload);
  if (workload === undefined) throw new Error(`no workload ${task.workload}`);
  const { bench } = (await import(`./workloads/${workload.id}.js`)) as BenchModule;
  if (task.mode === "time") {
    const values = benchEvents(task.size);
    return bench.kind === "sink" ? timeSink(bench, task, values) : timeSource(bench, task, values);
  }
  if (bench.kind === "sink") throw new Error(`${workload.id} has nothing to ${task.mode}`);
  if (task.mode === "fill") await bench.fill(task.place, benchEvents(task.size));
  else await bench.drop(task.place);
  return undefined;
}

async function timeSink(
  bench: SinkBench,
  { contender, place, warmUpCpuMs }: ConnectorTask,
  values: readonly BenchEvent[],
): Promise<ConnectorReport> {
  const write = bench.contenders[contender];
  if (write === undefined) throw new Error(`no contender ${contender}`);
  const practice = `${place}w`;
  const fewer = values.slice(0, Math.ceil(values.length * WARM_UP_PART));
  await bench.create(practice);
  await warmUp(warmUpCpuMs, () => write(practice, fewer));
  await bench.create(place);
  const { cpuMs, wallMs } = await measure(() => write(place, values));
  const contents = await bench.contents(place);
  for (const each of [practice, place]) await bench.drop(each);
  return { cpuMs, wallMs, contents, expected: contentsOf(values.map(bench.text)) };
}

async function timeSource(
  bench: SourceBench,
  { contender, place, warmUpCpuMs }: ConnectorTask,
  values: readonly BenchEvent[],
): Promise<ConnectorReport> {
  const read = bench.contenders[contender];
  if (read === undefined) throw new Error(`no contender ${contender}`);
  await warmUp(warmUpCpuMs, () => read(place, values.length));
  let contents: Contents | undefined;
  const times = await measure(async () => {
    contents = await read(place, values.length);
  });
  return { ...times, contents: contents as unknown as Contents, expected: amountsOf(values) };
}

async function warmUp(cpuMs: number, run: () => Promise<unknown>): Promise<void> {
  const before = process.cpuUsage();
  const began = performance.now();
  do await run();
  while (process.cpuUsage(before).user / 1000 < cpuMs && performance.now() - began < MOST_WARM_UP_MS);
}

/** CPU time is the process's: with the threads of the collector, the compiler and of zlib. */
async function measure(run: () => Promise<unknown>): Promise<Pick<ConnectorReport, "cpuMs" | "wallMs">> {
  await turn();
  const before = process.cpuUsage();
  const began = performance.now();
  await run();
  const wallMs = performance.now() - began;
  const { user, system } = process.cpuUsage(before);
  return { cpuMs: (user + system) / 1000, wallMs };
}

const report = await perform(JSON.parse(process.argv[2] ?? "") as ConnectorTask);
process.stdout.write(`${JSON.stringify(report ?? null)}\n`);
