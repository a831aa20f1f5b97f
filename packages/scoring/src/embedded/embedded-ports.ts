import { join } from "node:path";
import type { Message, Sink } from "@millrace/core";
import { type SqliteTopic, sqliteTopic } from "@millrace/sqlite";
import type { Received } from "../event/decode-event.js";
import type { ScoringPorts } from "../ports/scoring-ports.js";
import type { ScoringConfiguration } from "../rules/configuration.js";
import type { RuleDefinition } from "../rules/rule.js";
import { EmbeddedCitizens, type NewCitizen } from "./embedded-citizens.js";
import { EmbeddedRuleState } from "./embedded-rule-state.js";
import { EmbeddedRulebook } from "./embedded-rulebook.js";
import { embeddedSinks } from "./embedded-tables.js";
import { GroupCommit } from "./group-commit.js";
import { makeDurable, openScoreDatabase, type ScoreConnection } from "./score-database.js";

/** The files of the embedded system in a data directory. */
export interface EmbeddedFiles {
  /** The topic citizen_events. */
  readonly events: string;
  /** The truth: citizens, decisions, rule state, rules, configuration. */
  readonly scores: string;
  /** What is derived: raw events, history, archive, activity, dead letters. */
  readonly facts: string;
  readonly checkpoints: string;
}

/**
 * The paths of the embedded system's files in a data directory. Only names them: {@link EmbeddedPorts} makes the files.
 *
 * @example
 * ```ts
 * import { embeddedFiles } from "@millrace/scoring";
 * embeddedFiles("data").scores; // "data/scores.db"
 * ```
 */
export function embeddedFiles(directory: string): EmbeddedFiles {
  return {
    events: join(directory, "events.db"),
    scores: join(directory, "scores.db"),
    facts: join(directory, "facts.db"),
    checkpoints: join(directory, "checkpoints.db"),
  };
}

export const EVENTS_TOPIC = "citizen_events";

/** What {@link EmbeddedPorts} are opened with. `partitions` is the topic's, when it is made (4); another number than it has is refused. */
export interface EmbeddedOptions {
  readonly directory: string;
  /** Stored and put in force when the database has none. */
  readonly configuration: ScoringConfiguration;
  readonly rules: readonly RuleDefinition[];
  /** Made known when they are not yet. */
  readonly citizens?: Iterable<NewCitizen>;
  readonly partitions?: number;
  /** End at what the topic holds when the run begins. */
  readonly stopAt?: "latest";
  /** Looks at every message that is read. */
  readonly onMessage?: (message: Message) => void;
}

/**
 * All systems of scoring in SQLite files of one directory, which must be there: no server is needed. Close them after the run. A score
 * that is written survives the death of the process at once, and the death of the machine once a checkpoint after it is committed.
 *
 * @example
 * ```ts
 * import { DEFAULT_CONFIGURATION, DEFAULT_RULES, EmbeddedPorts, syntheticCitizens } from "@millrace/scoring";
 * const citizens = syntheticCitizens({ seed: 1, count: 1_000 });
 * await using ports = await EmbeddedPorts.open({ directory: "data", configuration: DEFAULT_CONFIGURATION, rules: DEFAULT_RULES, citizens });
 * console.log(ports.tiers());
 * ```
 */
export class EmbeddedPorts implements ScoringPorts, AsyncDisposable {
  readonly files: EmbeddedFiles;
  readonly topic: SqliteTopic;
  readonly events: ScoringPorts["events"];
  readonly citizens: EmbeddedCitizens;
  readonly ruleState: EmbeddedRuleState;
  readonly rulebook: EmbeddedRulebook;
  readonly profiles: ScoringPorts["profiles"];
  readonly configuration: ScoringPorts["configuration"];
  readonly ruleSets: ScoringPorts["ruleSets"];
  readonly sinks: ScoringPorts["sinks"];
  readonly #db: ScoreConnection;

  private constructor(
    db: ScoreConnection,
    { directory, configuration, partitions, stopAt, onMessage }: EmbeddedOptions,
  ) {
    const group = new GroupCommit(db);
    this.#db = db;
    this.files = embeddedFiles(directory);
    this.topic = embeddedTopic(this.files, partitions);
    const decode = (message: Message): Received => {
      onMessage?.(message);
      return receive(message);
    };
    this.events = this.topic.source({ decode, ...(stopAt === undefined ? {} : { stopAt }) });
    this.citizens = new EmbeddedCitizens(db, group, configuration.latenessMs);
    this.ruleState = new EmbeddedRuleState(db, group);
    this.rulebook = new EmbeddedRulebook(db);
    this.profiles = this.citizens.profiles();
    this.configuration = this.rulebook.configurationLookup();
    this.ruleSets = this.rulebook.ruleSetLookup();
    const sinks = embeddedSinks(this.files.facts);
    // History lies behind every decision, so when it is flushed for a checkpoint all scores before the barrier are written.
    this.sinks = { ...sinks, history: flushingAlso(sinks.history, () => makeDurable(db)) };
  }

  /** Opens the files, or makes them with the given rules, configuration and citizens. */
  static async open(options: EmbeddedOptions): Promise<EmbeddedPorts> {
    const { configuration, rules, citizens } = options;
    const ports = new EmbeddedPorts(openScoreDatabase(embeddedFiles(options.directory).scores), options);
    if (ports.rulebook.active() === undefined) {
      ports.rulebook.saveRuleSet(configuration.ruleSetVersion, rules);
      ports.rulebook.activate(configuration);
    }
    if (citizens !== undefined) await ports.citizens.add(citizens, configuration);
    return ports;
  }

  /** How many citizens are in each tier. */
  tiers(): ReadonlyMap<string, number> {
    const rows = this.#db
      .prepare<[], { tier: string; n: number }>("SELECT tier, count(*) AS n FROM citizens GROUP BY tier")
      .all();
    return new Map(rows.map(({ tier, n }) => [tier, n]));
  }

  async close(): Promise<void> {
    await this.topic.close();
    this.#db.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** The topic citizen_events in its file. */
export function embeddedTopic(files: EmbeddedFiles, partitions: number | undefined): SqliteTopic {
  return sqliteTopic({ file: files.events, name: EVENTS_TOPIC, ...(partitions === undefined ? {} : { partitions }) });
}

const NO_BYTES = new Uint8Array();

/** A message of the topic as scoring gets it. */
export function receive({ key, value, timestamp, partition, offset }: Message): Received {
  return {
    bytes: value ?? NO_BYTES,
    key: key === undefined ? undefined : Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("utf8"),
    publishedAt: timestamp,
    partition,
    offset: Number(offset),
  };
}

function flushingAlso<T>(sink: Sink<T>, flush: () => void): Sink<T> {
  return {
    ...sink,
    connect: async (context) => {
      const connection = await sink.connect(context);
      return {
        open: async (task, state) => {
          const writer = await connection.open(task, state);
          return {
            write: (values, write) => writer.write(values, write),
            flush: async (epoch) => {
              flush();
              return writer.flush?.(epoch);
            },
            close: () => writer.close(),
          };
        },
        health: async () => (await connection.health?.()) ?? { status: "up" },
        close: () => connection.close(),
      };
    },
  };
}
