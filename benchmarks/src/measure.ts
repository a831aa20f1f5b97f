import { PerformanceObserver } from "node:perf_hooks";
import { setImmediate as turn } from "node:timers/promises";
import type { Report } from "./task.js";
import type { Outcome } from "./workload.js";

/**
 * Repeats the run until enough CPU time has been used. Garbage is not collected first: that would throw away compiled code with the
 * objects of the warm-ups, and measure the compiler. CPU time is the process's: with the threads of the collector and the compiler.
 */
export async function measure(size: number, leastCpuMs: number, run: () => Promise<Outcome>): Promise<Report> {
  await turn();
  const before = process.cpuUsage();
  let runs = 0;
  let outcome: Outcome;
  let cpuMs = 0;
  do {
    outcome = await run();
    runs++;
    const { user, system } = process.cpuUsage(before);
    cpuMs = (user + system) / 1000;
  } while (cpuMs < leastCpuMs);
  const rate = (size * runs) / (cpuMs / 1000);
  return typeof outcome === "number" ? { checksum: outcome, rate } : { ...outcome, rate };
}

/** What one run allocates on the heap. The process must have been given a young generation that holds all of it. */
export async function bytesPerValue(size: number, run: () => Promise<Outcome>): Promise<Report> {
  let collections = 0;
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().length;
  });
  await turn();
  observer.observe({ entryTypes: ["gc"] });
  const before = process.memoryUsage().heapUsed;
  const outcome = await run();
  const bytes = process.memoryUsage().heapUsed - before;
  await turn();
  observer.disconnect();
  const checksum = typeof outcome === "number" ? outcome : outcome.checksum;
  // What was collected can not be counted.
  return collections > 0 ? { checksum } : { checksum, figures: { bytesPerValue: Math.max(0, bytes) / size } };
}

/** Before the warm-ups: inputs are made by then. */
export function collectGarbage(): void {
  if (globalThis.gc === undefined) throw new Error("start this process with --expose-gc");
  globalThis.gc();
}
