import type { Duration, Message, RuntimeContext, Sink } from "@millrace/core";
import { ensureSchema as ensureMongoSchema } from "@millrace/mongo";
import { redpandaSource } from "@millrace/redpanda";
import { ensureSchema as ensureScyllaSchema } from "@millrace/scylla";
import { type Db, MongoClient } from "mongodb";
import type { NewCitizen } from "../embedded/embedded-citizens.js";
import { EVENTS_TOPIC, receive } from "../embedded/embedded-ports.js";
import type { CitizenStore } from "../ports/citizen-store.js";
import type { Relationship } from "../ports/relationship.js";
import type { RuleState } from "../ports/rule-state.js";
import { runtimeContext } from "../ports/runtime-context.js";
import type { ScoringPorts, StoreSinks } from "../ports/scoring-ports.js";
import type { StoreContents } from "../ports/store-contents.js";
import type { ScoringConfiguration } from "../rules/configuration.js";
import type { RuleDefinition } from "../rules/rule.js";
import { ensureGraph, relationshipRows, relationshipSink } from "./dgraph-relationships.js";
import { INFLUX_STORES } from "./influx-points.js";
import { ensureBuckets, type InfluxRetention, influxStoreSink } from "./influx-stores.js";
import { KafkaLog } from "./kafka-log.js";
import { deadLetterSink, ensureTopics } from "./kafka-topics.js";
import { MongoCitizens } from "./mongo-citizens.js";
import { MongoRulebook } from "./mongo-rulebook.js";
import { MONGO_SCHEMA } from "./mongo-schema.js";
import { ScyllaRuleState } from "./scylla-rule-state.js";
import { archiveSink, lateActivitySink, scyllaTables } from "./scylla-tables.js";
import { type ServerConnections, type ServerNames, serverNames } from "./server-connections.js";
import { ServerContents } from "./server-contents.js";

/** What {@link ServerPorts} are opened with. */
export interface ServerPortsOptions {
  readonly servers: ServerConnections;
  /** A part of every name on the servers: a small letter and up to 31 more letters, digits and "_". */
  readonly namespace: string;
  /** Stored and put in force when the database has none. */
  readonly configuration: ScoringConfiguration;
  readonly rules: readonly RuleDefinition[];
  /** Made known when they are not yet. */
  readonly citizens?: Iterable<NewCitizen>;
  /** Of the topic, when it is made (4), and its copies (1). */
  readonly partitions?: number;
  readonly replicas?: number;
  /** How long InfluxDB keeps points: raw events 90d, what is derived 1825d. */
  readonly retention?: Partial<InfluxRetention>;
  /** How long the archive keeps events (1825d). */
  readonly archiveTtl?: Duration;
  /** How far the pipeline may be behind before a cooldown is forgotten too early (7d). */
  readonly ruleStateSlack?: Duration;
  /** After so long a silent process gives its partitions to another one (10,000). */
  readonly sessionTimeoutMs?: number;
  /** End at what the topic holds when the run begins. */
  readonly stopAt?: "latest";
  /** Looks at every message that is read. */
  readonly onMessage?: (message: Message) => void;
}

const PARTITIONS = 4;
const DAYS_90 = "90d";
const YEARS_5 = "1825d";
const SLACK = "7d";
const SESSION_TIMEOUT_MS = 10_000;

/**
 * All systems of scoring on servers: events and dead letters in Redpanda or Kafka; citizens, rules and configuration in MongoDB; rule state
 * and archive in ScyllaDB or Cassandra; raw events, history and activity in InfluxDB. Topics, collections, tables and buckets are made
 * where they are not there. Close them after the run.
 *
 * @example
 * ```ts
 * import { DEFAULT_CONFIGURATION, DEFAULT_RULES, scoringTopology, syntheticCitizens } from "@millrace/scoring";
 * import { ServerPorts, serversFromEnvironment } from "@millrace/scoring/servers";
 * import { redpandaCheckpoints } from "@millrace/redpanda";
 * const servers = serversFromEnvironment(process.env);
 * const citizens = syntheticCitizens({ seed: 1, count: 1_000 });
 * await using ports = await ServerPorts.open({ servers, namespace: "scoring", configuration: DEFAULT_CONFIGURATION, rules: DEFAULT_RULES, citizens });
 * const store = redpandaCheckpoints({ ...servers.kafka, topic: ports.names.checkpoints });
 * await scoringTopology(ports).start({ checkpoint: { every: "1s", store } }).done;
 * ```
 */
export class ServerPorts implements ScoringPorts, AsyncDisposable {
  readonly names: ServerNames;
  readonly events: ScoringPorts["events"];
  readonly citizens: CitizenStore;
  readonly ruleState: RuleState;
  readonly rulebook: MongoRulebook;
  readonly profiles: ScoringPorts["profiles"];
  readonly configuration: ScoringPorts["configuration"];
  readonly ruleSets: ScoringPorts["ruleSets"];
  readonly sinks: ScoringPorts["sinks"];
  readonly relationships?: Sink<Relationship>;
  /** Reads the topics. */
  readonly log: KafkaLog;
  /** Reads the stores. */
  readonly contents: StoreContents;
  readonly #options: ServerPortsOptions;
  readonly #parts: Parts;
  readonly #people: MongoCitizens;

  private constructor(options: ServerPortsOptions, parts: Parts) {
    const { servers } = options;
    const { names, db, log, ruleState, watch } = parts;
    this.names = names;
    this.#options = options;
    this.#parts = parts;
    this.log = log;
    this.ruleState = ruleState;
    this.events = eventsOf(options, names);
    this.#people = new MongoCitizens(db, options.configuration.latenessMs);
    this.citizens = this.#people;
    this.rulebook = new MongoRulebook(db, watch);
    this.profiles = this.#people.profiles();
    this.configuration = this.rulebook.configurationLookup();
    this.ruleSets = this.rulebook.ruleSetLookup();
    this.sinks = sinksOf(servers, names);
    if (servers.dgraph !== undefined) this.relationships = relationshipSink(servers.dgraph, options.namespace);
    this.contents = new ServerContents(servers, names, this.#people, log);
  }

  /** Connects, and makes what is not there, with the given rules, configuration and citizens. */
  static async open(options: ServerPortsOptions): Promise<ServerPorts> {
    const { servers, configuration, rules, citizens, retention, archiveTtl = YEARS_5 } = options;
    const names = serverNames(options.namespace);
    const opened: (() => Promise<unknown>)[] = [];
    try {
      const client = await connected(servers.mongo.url);
      opened.push(() => client.close());
      const db = client.db(names.database);
      await ensureMongoSchema({ client, database: names.database }, MONGO_SCHEMA);
      const { replication, ...scylla } = servers.scylla;
      const tables = scyllaTables(archiveTtl);
      await ensureScyllaSchema(scylla, {
        keyspace: names.keyspace,
        tables,
        ...(replication === undefined ? {} : { replication }),
      });
      await ensureBuckets(servers.influx, names, {
        rawEvents: retention?.rawEvents ?? DAYS_90,
        derivedMetrics: retention?.derivedMetrics ?? YEARS_5,
      });
      await ensureTopics(servers.kafka, names, options.partitions ?? PARTITIONS, options.replicas ?? 1);
      if (servers.dgraph !== undefined) await ensureGraph(servers.dgraph, options.namespace);
      const log = await KafkaLog.open(servers.kafka);
      opened.push(() => log.close());
      const context = runtimeContext("scoring");
      const ruleState = await ScyllaRuleState.open(scylla, names.keyspace, options.ruleStateSlack ?? SLACK, context);
      opened.push(() => ruleState.close());
      const ports = new ServerPorts(options, { names, db, log, ruleState, watch: await hasChangeStreams(db) });
      await ports.#fill(configuration, rules, citizens, context);
      return ports;
    } catch (error) {
      for (const close of opened.reverse()) await close().catch(() => {});
      throw error;
    }
  }

  /** All edges of the social graph; undefined where there is none. */
  graph(): AsyncIterable<Relationship> | undefined {
    const { servers, namespace } = this.#options;
    return servers.dgraph && relationshipRows(servers.dgraph, namespace);
  }

  /** How many citizens are in each tier. */
  tiers(): Promise<ReadonlyMap<string, number>> {
    return this.#people.tiers();
  }

  async close(): Promise<void> {
    const { ruleState, log, db } = this.#parts;
    await ruleState.close();
    await log.close();
    await db.client.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #fill(
    configuration: ScoringConfiguration,
    rules: readonly RuleDefinition[],
    citizens: Iterable<NewCitizen> | undefined,
    context: RuntimeContext,
  ): Promise<void> {
    if ((await this.rulebook.active()) === undefined) {
      await this.rulebook.saveRuleSet(configuration.ruleSetVersion, rules);
      await this.rulebook.activate(configuration);
    }
    if (citizens !== undefined) await this.#people.add(citizens, configuration);
    // So that they can be asked outside of a run, too.
    await this.profiles.connect?.(context);
    await this.configuration.connect?.(context);
  }
}

interface Parts {
  readonly names: ServerNames;
  readonly db: Db;
  readonly log: KafkaLog;
  readonly ruleState: ScyllaRuleState;
  readonly watch: boolean;
}

/** A write is done when a majority has it in its journal. Retries are the engine's. */
async function connected(url: string): Promise<MongoClient> {
  const client = new MongoClient(url, {
    retryWrites: false,
    serverSelectionTimeoutMS: 10_000,
    socketTimeoutMS: 60_000,
    writeConcern: { w: "majority", journal: true },
  });
  await client.connect();
  return client;
}

/** A server by itself has none. */
async function hasChangeStreams(db: Db): Promise<boolean> {
  const hello = await db.admin().command({ hello: 1 });
  return hello.setName !== undefined || hello.msg === "isdbgrid";
}

function eventsOf(
  { servers, stopAt, onMessage, sessionTimeoutMs = SESSION_TIMEOUT_MS }: ServerPortsOptions,
  names: ServerNames,
): ScoringPorts["events"] {
  return redpandaSource({
    ...servers.kafka,
    topic: names.events,
    name: EVENTS_TOPIC,
    groupId: names.group,
    sessionTimeoutMs,
    decode: (message) => {
      onMessage?.(message);
      return receive(message);
    },
    ...(stopAt === undefined ? {} : { stopAt }),
  });
}

function sinksOf({ kafka, influx, scylla }: ServerConnections, names: ServerNames): StoreSinks {
  const { replication: _, ...connection } = scylla;
  const inInflux = INFLUX_STORES.map((store) => [store, influxStoreSink(store, influx, names)] as const);
  const sinks: Record<string, Sink<never>> = {
    ...Object.fromEntries(inInflux),
    archive: archiveSink(connection, names.keyspace),
    lateActivity: lateActivitySink(connection, names.keyspace),
    deadLetters: deadLetterSink(kafka, names),
  };
  return sinks as unknown as StoreSinks;
}
