import type { Logger } from "@millrace/core";
import type { DataDirectory } from "./data-directory.js";
import { INTERRUPTED_CODE, Interrupts } from "./interrupts.js";
import { Pipeline } from "./pipeline.js";
import { PipelineStats } from "./pipeline-stats.js";
import { populationOf } from "./population.js";
import { fillLog } from "./producer.js";
import { report } from "./report.js";
import { bar, grouped, type Screen, spoken } from "./screen.js";
import { systemOf } from "./system-of.js";
import { verify } from "./verify.js";

const REFRESH_MS = 100;
const BAR_WIDTH = 24;

/** Scores a log from the first to the last message. */
export type ScoreLog = (
  directory: DataDirectory,
  total: number,
  progress: Progress,
  signal: AbortSignal,
) => Promise<void>;

/** Shows how far a long piece of work is. */
export type Progress = (done: number, ...more: readonly string[]) => void;

/** Writes the log, scores it, compares every store with the oracle. The exit code: 0 only if all are equal. */
export async function runBounded(directory: DataDirectory, screen: Screen, score: ScoreLog): Promise<number> {
  const interrupts = new Interrupts();
  const { signal } = interrupts;
  try {
    const total = await writeLog(directory, screen, signal);
    if (!signal.aborted) {
      const started = performance.now();
      await score(directory, total, progressOn(screen, "scoring", total), signal);
      const ms = performance.now() - started;
      if (!signal.aborted)
        screen.line(
          `scored ${grouped(total)} messages in ${spoken(ms)} (${grouped((total * 1_000) / Math.max(1, ms))}/s)`,
        );
    }
    if (signal.aborted) {
      screen.line(
        `NOT COMPARED: interrupted. Start again with the same words to go on; the data lies in ${directory.path}`,
      );
      return INTERRUPTED_CODE;
    }
    const verdict = await verify(await systemOf(directory.path, directory.manifest), directory.manifest, (what) =>
      screen.status([what]),
    );
    if (directory.manifest.kind === "bounded") directory.update({ completed: true });
    screen.line(`The data lies in ${directory.path}`);
    report(screen, verdict);
    return verdict.equal ? 0 : 1;
  } finally {
    interrupts.close();
  }
}

/** A progress line with a bar, the rate and the time that is left. */
function progressOn(screen: Screen, what: string, total: number): Progress {
  const startedAt = performance.now();
  let first: number | undefined;
  return (done, ...more) => {
    first ??= done;
    const ms = performance.now() - startedAt;
    const rate = ((done - first) * 1_000) / Math.max(1, ms);
    const left = rate > 0 ? spoken(((total - done) * 1_000) / rate) : "?";
    const width = Math.min(BAR_WIDTH, Math.max(4, screen.width - 60));
    const percent = Math.floor((100 * done) / Math.max(1, total));
    screen.status([
      `${what} ${bar(done / total, width)} ${percent}%`,
      `${grouped(done)}/${grouped(total)}`,
      `${grouped(rate)}/s`,
      `${left} left`,
      ...more,
    ]);
  };
}

async function writeLog(directory: DataDirectory, screen: Screen, signal: AbortSignal): Promise<number> {
  const system = await systemOf(directory.path, directory.manifest);
  const log = await system.log();
  try {
    const { manifest } = directory;
    if (manifest.kind === "live") return await log.length();
    const there = await log.length();
    if (there > 0)
      screen.line(`Resuming: ${grouped(there)} of ${grouped(manifest.events ?? 0)} messages are in the log.`);
    const progress = progressOn(screen, "writing the log", manifest.events ?? 0);
    await fillLog(log, manifest, populationOf(manifest), (written) => progress(written), signal);
    return await log.length();
  } finally {
    await log.close();
  }
}

/** Scores in this process. */
export function scoreHere(logger: Logger): ScoreLog {
  return async (directory, total, progress, signal) => {
    const stats = new PipelineStats();
    const demo = await systemOf(directory.path, directory.manifest);
    const system = await demo.open({ bounded: true, stats });
    try {
      const pipeline = await Pipeline.start(system, stats, true, logger);
      const stop = (): void => void pipeline.run.stop().catch(() => {});
      signal.addEventListener("abort", stop, { once: true });
      const timer = setInterval(() => {
        const { checkpoints, deadLetters, late } = stats.counts();
        progress(
          Math.min(total, pipeline.doneBefore + stats.handled),
          `checkpoints ${checkpoints}`,
          `late ${grouped(late)}`,
          `dead ${grouped(deadLetters)}`,
        );
      }, REFRESH_MS);
      try {
        await pipeline.run.done;
      } finally {
        clearInterval(timer);
        signal.removeEventListener("abort", stop);
      }
    } finally {
      await system.close();
    }
  };
}
