import { type SqliteTopic, sqliteCheckpoints } from "@millrace/sqlite";
import { EmbeddedContents } from "../embedded/embedded-contents.js";
import { EmbeddedPorts, embeddedFiles, embeddedTopic } from "../embedded/embedded-ports.js";
import { DEFAULT_CONFIGURATION } from "../rules/default-configuration.js";
import { DEFAULT_RULES } from "../rules/default-rules.js";
import type { Manifest } from "./data-directory.js";
import type { DemoSystem, OpenFor, OpenSystem } from "./demo-system.js";
import type { EventLog } from "./event-log.js";
import { GROUP, PARTITIONS } from "./pipeline.js";
import { populationOf } from "./population.js";

/** All systems in the files of a directory. */
export class EmbeddedSystem implements DemoSystem {
  readonly #directory: string;
  readonly #manifest: Manifest;

  constructor(directory: string, manifest: Manifest) {
    this.#directory = directory;
    this.#manifest = manifest;
  }

  async log(): Promise<EventLog> {
    const topic = embeddedTopic(embeddedFiles(this.#directory), PARTITIONS);
    return logOf(topic, () => topic.close());
  }

  async open({ bounded, stats }: OpenFor): Promise<OpenSystem> {
    const ports = await EmbeddedPorts.open({
      directory: this.#directory,
      configuration: DEFAULT_CONFIGURATION,
      rules: DEFAULT_RULES,
      citizens: populationOf(this.#manifest),
      partitions: PARTITIONS,
      onMessage: (message) => stats.received(message),
      ...(bounded ? { stopAt: "latest" as const } : {}),
    });
    return {
      ports,
      log: logOf(ports.topic, async () => {}),
      checkpoints: sqliteCheckpoints({ file: ports.files.checkpoints }),
      committed: async () => {
        const { groups } = await ports.topic.describe();
        return [...(groups.get(GROUP)?.values() ?? [])].reduce((sum, position) => sum + Number(position), 0);
      },
      tiers: async () => ports.tiers(),
      close: () => ports.close(),
    };
  }

  async contents(): Promise<EmbeddedContents> {
    const { scores, facts } = embeddedFiles(this.#directory);
    return new EmbeddedContents(scores, facts);
  }
}

function logOf(topic: SqliteTopic, close: () => Promise<void>): EventLog {
  return {
    length: async () => {
      const { partitions } = await topic.describe();
      return partitions.reduce((sum, { next }) => sum + Number(next), 0);
    },
    append: (messages) => topic.append(messages),
    messages: () => topic.messages(),
    close,
  };
}
