import type { Machine } from "../results.js";
import type { Summary } from "../statistics.js";
import type { Contender } from "./connector-bench.js";
import type { ServerName } from "./servers.js";

/** What was measured of one contender. */
export interface ContenderResult {
  /** Values for each second of CPU time of our process. */
  readonly cpu: Summary;
  /** Values for each second by the clock. */
  readonly wall: Summary;
  /** Its rate by CPU time as a part of the loop's in the same round. */
  readonly ofLoop?: Summary;
  readonly n: number;
}

export type WorkloadResults = Readonly<Partial<Record<Contender, ContenderResult>>>;

/** What `docs/benchmarks-connectors.json` holds. */
export interface ConnectorResults {
  readonly machine: Machine;
  /** Runnable processes on the machine when it began, ours not among them. */
  readonly load: number;
  readonly skipped: Readonly<Partial<Record<ServerName, string>>>;
  readonly workloads: Readonly<Record<string, WorkloadResults>>;
}
