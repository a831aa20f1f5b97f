import type { Manifest } from "./data-directory.js";
import { Pipeline } from "./pipeline.js";
import { PipelineStats } from "./pipeline-stats.js";
import { systemOf } from "./system-of.js";

/** What the child says to its parent. */
export interface ChildReport {
  readonly doneBefore: number;
  /** Messages that came to their end since the start. */
  readonly handled: number;
  readonly checkpoints: number;
}

const REPORT_MS = 20;

/** The pipeline as a process of its own, made to be killed. Its parent gives it the directory and the manifest. */
async function main(): Promise<void> {
  // Without a parent nobody would ever end this process: it ends itself, as abruptly as it may be ended at any time.
  process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
  // Ctrl-C goes to the whole group; the parent decides what becomes of it.
  process.on("SIGINT", () => {});
  const [directory, manifest] = process.argv.slice(2);
  if (directory === undefined || manifest === undefined)
    throw new Error("crash-child is started by the demo, with a directory and a manifest");
  const stats = new PipelineStats();
  const demo = await systemOf(directory, JSON.parse(manifest) as Manifest);
  const system = await demo.open({ bounded: true, stats });
  const warn = (message: string, fields?: object): void =>
    void process.stderr.write(`${message} ${JSON.stringify(fields ?? {})}\n`);
  const pipeline = await Pipeline.start(system, stats, true, { debug: () => {}, info: () => {}, warn, error: warn });
  const tell = (): void => {
    const { checkpoints } = stats.counts();
    process.send?.({ doneBefore: pipeline.doneBefore, handled: stats.handled, checkpoints } satisfies ChildReport);
  };
  const timer = setInterval(tell, REPORT_MS);
  await pipeline.run.done;
  clearInterval(timer);
  tell();
  await system.close();
  process.disconnect();
}

await main();
process.exit(0);
