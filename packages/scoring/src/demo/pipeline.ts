import type { CheckpointStore, Logger, Run } from "@millrace/core";
import { sqliteCheckpoints } from "@millrace/sqlite";
import { EmbeddedPorts } from "../embedded/embedded-ports.js";
import { DEFAULT_CONFIGURATION } from "../rules/default-configuration.js";
import { DEFAULT_RULES } from "../rules/default-rules.js";
import { scoringTopology } from "../topology/scoring-topology.js";
import type { Manifest } from "./data-directory.js";
import type { PipelineStats } from "./pipeline-stats.js";
import { populationOf } from "./population.js";

export const PARTITIONS = 4;
const CHECKPOINT_EVERY = "1s";
/** What the topology commits its positions under. */
const GROUP = "scoring";

/** The scoring topology at work on a data directory. */
export class Pipeline {
  readonly ports: EmbeddedPorts;
  readonly stats: PipelineStats;
  readonly run: Run;
  /** How many messages were done before this start. */
  readonly doneBefore: number;

  private constructor(ports: EmbeddedPorts, stats: PipelineStats, run: Run, doneBefore: number) {
    this.ports = ports;
    this.stats = stats;
    this.run = run;
    this.doneBefore = doneBefore;
  }

  /** Opens the stores, or makes them with the manifest's citizens. */
  static async openPorts(
    directory: string,
    manifest: Manifest,
    about: { readonly bounded: boolean; readonly stats: PipelineStats },
  ): Promise<EmbeddedPorts> {
    return EmbeddedPorts.open({
      directory,
      configuration: DEFAULT_CONFIGURATION,
      rules: DEFAULT_RULES,
      citizens: populationOf(manifest),
      partitions: PARTITIONS,
      onMessage: (message) => about.stats.received(message),
      ...(about.bounded ? { stopAt: "latest" as const } : {}),
    });
  }

  /** Starts scoring where the last checkpoint ends. Bounded: to the end of the log, open windows included. */
  static async start(ports: EmbeddedPorts, stats: PipelineStats, bounded: boolean, logger: Logger): Promise<Pipeline> {
    const { groups } = await ports.topic.describe();
    const doneBefore = [...(groups.get(GROUP)?.values() ?? [])].reduce((sum, position) => sum + Number(position), 0);
    const store = counting(sqliteCheckpoints({ file: ports.files.checkpoints }), () => stats.checkpoint());
    const run = scoringTopology(ports, { observer: stats }).start({
      checkpoint: { every: CHECKPOINT_EVERY, store },
      atEnd: bounded ? "fire" : "keep",
      logger,
    });
    return new Pipeline(ports, stats, run, doneBefore);
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
