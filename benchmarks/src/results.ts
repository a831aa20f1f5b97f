import { cpus } from "node:os";
import type { Engine } from "./engine.js";

/** What was measured of one engine on one workload; `n` is how many values a run had. */
export interface RateResult {
  /** Values for each second of CPU time. */
  readonly median: number;
  /** The distance between the quartiles as a part of the median. */
  readonly spread: number;
  readonly n: number;
  readonly bytesPerValue?: number;
}

/** Latencies, blocks of the event loop: what the workload calls it, by name. */
export type FigureResult = Readonly<Record<string, number>>;
export type EngineResult = RateResult | FigureResult;

export type WorkloadResults = Partial<Record<Engine, EngineResult>>;

/** On what and when. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
  readonly date: string;
  readonly rounds: number;
}

/** What `--json` writes: the machine, engines left out with the reason, and a key for each workload. */
export interface Results {
  readonly machine: Machine;
  readonly skipped: Partial<Record<Engine, string>>;
  readonly [workload: `W${string}`]: WorkloadResults;
}

export function thisMachine(rounds: number): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? "unknown",
    cores: all.length,
    node: process.version,
    date: new Date().toISOString().slice(0, 10),
    rounds,
  };
}

export function isRate(result: EngineResult | undefined): result is RateResult {
  return result !== undefined && typeof result.median === "number" && typeof result.spread === "number";
}
