import type { Engine } from "./engine.js";

/** One process's work, as it is told on its command line. */
export interface Task {
  readonly workload: string;
  readonly engine: Engine;
  readonly size: number;
  /** `time`: measure; `check`: only the checksum; `allocate`: only the bytes allocated. */
  readonly mode: "time" | "check" | "allocate";
  /** The run is repeated until it has used this much CPU time, so that fast engines are measured for long enough. */
  readonly leastCpuMs: number;
  readonly polluted: boolean;
}

/** What it prints, as JSON, on its last line. */
export interface Report {
  readonly checksum: number;
  /** Values for each second of CPU time, of all threads. */
  readonly rate?: number;
  readonly figures?: Readonly<Record<string, number>>;
}
