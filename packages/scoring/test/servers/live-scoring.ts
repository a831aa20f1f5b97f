import { memoryCheckpoints, type Run } from "@millrace/core";
import type { Decision } from "../../src/decide/outcome.js";
import type { CitizenEvent } from "../../src/event/event.js";
import type { CitizenProfile } from "../../src/ports/citizen-profile.js";
import type { ContentName, ContentRow } from "../../src/ports/store-contents.js";
import { DEFAULT_CONFIGURATION } from "../../src/rules/default-configuration.js";
import type { RuleDefinition } from "../../src/rules/rule.js";
import { KafkaEventLog } from "../../src/servers/kafka-event-log.js";
import type { ServerConnections } from "../../src/servers/server-connections.js";
import { ServerPorts } from "../../src/servers/server-ports.js";
import { scoringTopology } from "../../src/topology/scoring-topology.js";
import { dropNamespace, freshNamespace, servers } from "./namespaces.js";

const DEADLINE_MS = 60_000;

/** A namespace with a producer, and pipelines started on it. */
export class LiveScoring {
  readonly ports: ServerPorts;
  readonly log: KafkaEventLog;
  readonly #namespace: string;
  readonly #runs: Run[] = [];
  readonly #checkpoints = memoryCheckpoints();

  private constructor(namespace: string, ports: ServerPorts, log: KafkaEventLog) {
    this.#namespace = namespace;
    this.ports = ports;
    this.log = log;
  }

  static async open(
    profiles: readonly CitizenProfile[],
    rules: readonly RuleDefinition[],
    dgraph?: NonNullable<ServerConnections["dgraph"]>,
  ): Promise<LiveScoring> {
    const namespace = freshNamespace("live");
    const citizens = profiles.map((profile, i) => ({ profile, nationalID: `SIM-${i}`, name: "Somebody" }));
    const ports = await ServerPorts.open({
      servers: dgraph === undefined ? servers : { ...servers, dgraph },
      namespace,
      configuration: DEFAULT_CONFIGURATION,
      rules,
      citizens,
      partitions: 2,
      sessionTimeoutMs: 6_000,
    });
    return new LiveScoring(namespace, ports, await KafkaEventLog.open(servers.kafka, ports.names, 2));
  }

  /** Starts a pipeline that goes on from what is committed. */
  start(ports: Parameters<typeof scoringTopology>[0] = this.ports): Run {
    const run = scoringTopology(ports).start({ checkpoint: { every: "1s", store: this.#checkpoints } });
    run.done.catch(() => {});
    this.#runs.push(run);
    return run;
  }

  async publish(event: CitizenEvent): Promise<void> {
    await this.log.append([{ key: event.citizenID, value: JSON.stringify(event), timestamp: event.occurredAt }]);
  }

  /** The decision about an event, as soon as it is stored. */
  async decision(event: CitizenEvent): Promise<Decision> {
    return await eventually(`a decision about ${event.eventID}`, () => this.found(event));
  }

  async found({ citizenID, eventID }: CitizenEvent): Promise<Decision | undefined> {
    const record = await this.ports.citizens.read(citizenID, eventID);
    return record?.stored?.decision;
  }

  /** The rows of a store, as soon as there are so many. */
  async rows(name: ContentName, count: number): Promise<ContentRow[]> {
    return await eventually(`${count} rows in ${name}`, async () => {
      const rows: ContentRow[] = [];
      for await (const row of this.ports.contents.rows(name)) rows.push(row);
      return rows.length >= count ? rows : undefined;
    });
  }

  async close(): Promise<void> {
    for (const run of this.#runs) run.abort();
    await Promise.allSettled(this.#runs.map((run) => run.done));
    await this.log.close();
    await this.ports.close();
    await dropNamespace(this.#namespace);
  }
}

/** What `look` finds, as soon as it finds something. Servers answer when they will: it asks again. */
export async function eventually<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`${what} did not come within ${DEADLINE_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
