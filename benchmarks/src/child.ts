import { workloadOf } from "./catalog.js";
import { bytesPerValue, collectGarbage, measure } from "./measure.js";
import type { Report, Task } from "./task.js";
import type { EngineModule, InputModule, Outcome } from "./workload.js";

/** At least so many runs, and for as long as is measured afterwards: compilers need both. */
const WARM_UPS = 2;
/** The part of the values that a warm-up has. */
const WARM_UP_PART = 0.2;

async function perform(task: Task): Promise<Report> {
  const workload = workloadOf(task.workload);
  if (workload === undefined) throw new Error(`no workload ${task.workload}`);
  const folder = `./workloads/${workload.folder}`;
  const file = task.engine === "ix-esnext" ? "ix" : task.engine;
  const { prepare } = (await import(`${folder}/input.js`)) as InputModule;
  const { run } = (await import(`${folder}/${file}.js`)) as EngineModule;
  const runOn = async (input: unknown): Promise<Outcome> => run(input as never, task.engine);
  if (task.mode === "check") return checksumOf(await runOn(prepare(task.size, workload.id)));
  if (task.polluted) await (await import("./pollute.js")).pollute();
  const fewer = Math.ceil(task.size * WARM_UP_PART);
  const inputs = Array.from({ length: WARM_UPS }, () => prepare(fewer, workload.id));
  const input = prepare(task.size, workload.id);
  collectGarbage();
  // A checkpoint run has rounds of its own.
  if (workload.kind !== "checkpoint") await warmUp(task, inputs, runOn, () => prepare(fewer, workload.id));
  if (task.mode === "allocate") return bytesPerValue(task.size, () => runOn(input));
  // A latency run consumes its input and is long enough by itself.
  return measure(task.size, workload.kind === "rate" ? task.leastCpuMs : 0, () => runOn(input));
}

async function warmUp(
  task: Task,
  inputs: readonly unknown[],
  runOn: (input: unknown) => Promise<Outcome>,
  another: () => unknown,
): Promise<void> {
  const before = process.cpuUsage();
  for (const each of inputs) await runOn(each);
  const once = workloadOf(task.workload)?.kind === "latency";
  while (process.cpuUsage(before).user / 1000 < task.leastCpuMs) await runOn(once ? another() : inputs[0]);
}

function checksumOf(outcome: Outcome): Report {
  return { checksum: typeof outcome === "number" ? outcome : outcome.checksum };
}

const task = JSON.parse(process.argv[2] ?? "") as Task;
const report = await perform(task);
process.stdout.write(`${JSON.stringify(report)}\n`);
