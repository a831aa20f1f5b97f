import type { CheckpointStore, RunOptions } from "@millrace/core";
import type { Relationship } from "../ports/relationship.js";
import type { ScoringPorts } from "../ports/scoring-ports.js";
import type { StoreContents } from "../ports/store-contents.js";
import type { EventLog } from "./event-log.js";
import type { PipelineStats } from "./pipeline-stats.js";

/** The systems of a run, opened for a pipeline. */
export interface OpenSystem {
  readonly ports: ScoringPorts;
  readonly log: EventLog;
  readonly checkpoints: CheckpointStore;
  /** What the run's channels hold; undefined: the default. */
  readonly channel?: NonNullable<RunOptions["channel"]>;
  /** How many messages are behind the committed positions. */
  committed(): Promise<number>;
  /** How many citizens are in each tier. */
  tiers(): Promise<ReadonlyMap<string, number>>;
  close(): Promise<void>;
}

/** What a pipeline needs of its system. */
export interface OpenFor {
  /** To the end of what the log holds. */
  readonly bounded: boolean;
  readonly stats: PipelineStats;
}

/** Where a run's data lies: in files, or on servers. */
export interface DemoSystem {
  /** Made if it is not there. */
  log(): Promise<EventLog>;
  open(about: OpenFor): Promise<OpenSystem>;
  /** Everything there is, to be compared. */
  contents(): Promise<SystemContents>;
  /** What is to be said about it before a run; undefined: nothing. */
  readonly remark?: string;
}

/** Reads whole stores. */
export interface SystemContents extends StoreContents {
  /** All edges of the social graph, where there is one. */
  graph?(): AsyncIterable<Relationship> | undefined;
  close(): Promise<void> | void;
}
