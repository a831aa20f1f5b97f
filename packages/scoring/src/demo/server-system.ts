import { join } from "node:path";
import { sqliteCheckpoints } from "@millrace/sqlite";
import { DEFAULT_CONFIGURATION } from "../rules/default-configuration.js";
import { DEFAULT_RULES } from "../rules/default-rules.js";
import { KafkaEventLog } from "../servers/kafka-event-log.js";
import { type ServerConnections, type ServerNames, serverNames } from "../servers/server-connections.js";
import { ServerPorts, type ServerPortsOptions } from "../servers/server-ports.js";
import { serversFromEnvironment } from "../servers/servers-from-environment.js";
import type { Manifest } from "./data-directory.js";
import type { DemoSystem, OpenFor, OpenSystem, SystemContents } from "./demo-system.js";
import type { EventLog } from "./event-log.js";
import { PARTITIONS } from "./pipeline.js";
import { populationOf } from "./population.js";

/** The least that Kafka allows: so long a new pipeline waits for the partitions of one that was killed. */
const SESSION_TIMEOUT_MS = 6_000;
/** Servers take some hundred events a second: a checkpoint would wait for minutes behind full channels, and a restart do them all again. */
const CHANNEL = { values: 64 } as const;

/** All systems on servers, under the namespace of a run. */
export class ServerSystem implements DemoSystem {
  readonly #checkpoints: string;
  readonly #servers: ServerConnections;
  readonly #names: ServerNames;
  readonly #options: ServerPortsOptions;

  /** Throws `E_SERVERS` where the environment does not say where the servers are. */
  constructor(directory: string, namespace: string, manifest: Manifest, environment: NodeJS.ProcessEnv) {
    this.#checkpoints = join(directory, "checkpoints.db");
    this.#servers = serversFromEnvironment(environment);
    this.#names = serverNames(namespace);
    this.#options = {
      servers: this.#servers,
      namespace,
      configuration: DEFAULT_CONFIGURATION,
      rules: DEFAULT_RULES,
      citizens: populationOf(manifest),
      partitions: PARTITIONS,
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
    };
  }

  log(): Promise<EventLog> {
    return KafkaEventLog.open(this.#servers.kafka, this.#names, PARTITIONS);
  }

  /**
   * Checkpoints lie in the data directory. In a topic of the same brokers dead letters would be written in the transaction of their
   * checkpoint, but a bounded run fires its open windows behind the last checkpoint, and a sink that writes only inside of one can not
   * take part in that. So a dead letter may be there twice after a crash; its place in the log tells.
   */
  async open({ bounded, stats }: OpenFor): Promise<OpenSystem> {
    const ports = await ServerPorts.open({
      ...this.#options,
      onMessage: (message) => stats.received(message),
      ...(bounded ? { stopAt: "latest" as const } : {}),
    });
    const log = await this.log();
    return {
      ports,
      log,
      checkpoints: sqliteCheckpoints({ file: this.#checkpoints }),
      channel: CHANNEL,
      committed: () => ports.log.committed(this.#names.group, this.#names.events),
      tiers: () => ports.tiers(),
      close: async () => {
        await log.close();
        await ports.close();
      },
    };
  }

  /** Which graph it is: a stand-in must never be taken for Dgraph. */
  get remark(): string {
    const { dgraph, dgraphIsStandIn } = this.#servers;
    if (dgraph === undefined) return "Social graph: none (DGRAPH_URL, or npm run testbed -- up dgraph for a stand-in)";
    return `Social graph: ${dgraphIsStandIn === true ? "a stand-in of ours on Dgraph's service, NOT Dgraph" : "Dgraph"}`;
  }

  async contents(): Promise<SystemContents> {
    const ports = await ServerPorts.open(this.#options);
    return { rows: (name) => ports.contents.rows(name), graph: () => ports.graph(), close: () => ports.close() };
  }
}
