import type { Contender } from "./connector-bench.js";
import type { Contents } from "./contents.js";

/** What one process does, as it is told on its command line. */
export interface ConnectorTask {
  readonly workload: string;
  /** `fill` and `drop`: the place that all contenders of a source's workload read. */
  readonly mode: "time" | "fill" | "drop";
  readonly contender: Contender;
  readonly size: number;
  /** A name that no other process uses, for topics, tables and so on; of a source's workload the same for all. */
  readonly place: string;
  /** Runs that are not measured go on until they have used this much CPU time. */
  readonly warmUpCpuMs: number;
}

/** What it prints, as JSON, on its last line. */
export interface ConnectorReport {
  readonly cpuMs: number;
  readonly wallMs: number;
  /** What the server holds now, or what was read from it. */
  readonly contents: Contents;
  readonly expected: Contents;
}
