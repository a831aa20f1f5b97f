import type { CheckpointConnection, Clock, Logger, StateEntry } from "../connector.js";
import type { Chain } from "./chain.js";
import type { SinkDriver } from "./sink-driver.js";
import type { SourceDriver } from "./source-driver.js";

/** Where a task's checkpoints go; undefined where the topology has no store. */
export interface CheckpointTarget {
  readonly store: string;
  readonly connection: CheckpointConnection;
  readonly task: string;
  readonly lease: number;
}

/** What stays the same in every checkpoint of a task. */
export interface CheckpointFacts {
  readonly topologyHash: string;
  readonly mode: "one" | "per-partition";
  readonly partitionCounts: ReadonlyMap<string, number>;
}

export interface CoordinatorParts {
  readonly target: CheckpointTarget | undefined;
  readonly facts: CheckpointFacts;
  readonly sources: readonly SourceDriver[];
  readonly chains: readonly Chain[];
  readonly sinks: readonly SinkDriver[];
  /** The operator ids in the order of the graph, for naming what holds a checkpoint. */
  readonly snapshot: (chain: Chain) => StateEntry[];
  readonly committed: () => void;
  readonly watermarks: () => ReadonlyMap<string, number>;
  readonly generation: (source: string) => number;
  readonly everyMs: number;
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Ends with the run. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly failed: (error: unknown) => void;
  readonly completed: (durationMs: number, changes: number) => void;
}

/** What a restored checkpoint hands on. */
export interface Resumed {
  readonly epoch: number;
  readonly sinkStates: ReadonlyMap<string, Uint8Array>;
  /** Entries the next checkpoint must write beside what the stages changed. */
  readonly changes: readonly StateEntry[];
}
