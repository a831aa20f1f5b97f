import type { CheckpointStore, Logger, Run } from "@millrace/core";
import { scoringTopology } from "../topology/scoring-topology.js";
import type { OpenSystem } from "./demo-system.js";
import type { PipelineStats } from "./pipeline-stats.js";

export const PARTITIONS = 4;
const CHECKPOINT_EVERY = "1s";
/** What the topology commits its positions under. */
export const GROUP = "scoring";

/** The scoring topology at work on a run's systems. */
export class Pipeline {
  readonly system: OpenSystem;
  readonly stats: PipelineStats;
  readonly run: Run;
  /** How many messages were done before this start. */
  readonly doneBefore: number;

  private constructor(system: OpenSystem, stats: PipelineStats, run: Run, doneBefore: number) {
    this.system = system;
    this.stats = stats;
    this.run = run;
    this.doneBefore = doneBefore;
  }

  /** Starts scoring where the last checkpoint ends. Bounded: to the end of the log, open windows included. */
  static async start(system: OpenSystem, stats: PipelineStats, bounded: boolean, logger: Logger): Promise<Pipeline> {
    const doneBefore = await system.committed();
    const store = counting(system.checkpoints, () => stats.checkpoint());
    const run = scoringTopology(system.ports, { observer: stats }).start({
      checkpoint: { every: CHECKPOINT_EVERY, store },
      atEnd: bounded ? "fire" : "keep",
      channel: system.channel ?? {},
      logger,
    });
    return new Pipeline(system, stats, run, doneBefore);
  }
}

/** The same store; `committed` is called after every commit. */
function counting(store: CheckpointStore, committed: () => void): CheckpointStore {
  return {
    name: store.name,
    ...(store.system === undefined ? {} : { system: store.system }),
    connect: async (context) => {
      const connection = await store.connect(context);
      return {
        lease: (task, options) => connection.lease(task, options),
        release: (task, lease) => connection.release(task, lease),
        latestEpoch: (task, lease) => connection.latestEpoch(task, lease),
        close: () => connection.close(),
        commit: async (task, lease, checkpoint) => {
          await connection.commit(task, lease, checkpoint);
          committed();
        },
      };
    },
  };
}
