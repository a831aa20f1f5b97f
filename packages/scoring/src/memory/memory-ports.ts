import type { Lookup } from "@millrace/core";
import type { CitizenProfile } from "../ports/citizen-profile.js";
import { ACTIVE_CONFIGURATION, type ScoringPorts } from "../ports/scoring-ports.js";
import type { ContentName, ContentRow, RuleStateRow, SnapshotRow, StoreContents } from "../ports/store-contents.js";
import { ruleStateRow, snapshotRow } from "../ports/store-contents.js";
import type { ScoringConfiguration } from "../rules/configuration.js";
import type { RuleDefinition } from "../rules/rule.js";
import { compileRuleSet } from "../rules/rule-set.js";
import { MemoryCitizens } from "./memory-citizens.js";
import { MemoryRuleState } from "./memory-rule-state.js";
import { MemoryTables } from "./memory-sinks.js";
import { type MemoryMessage, MemoryTopic } from "./memory-topic.js";
import { Unsteady, type UnsteadyOptions } from "./unsteady.js";

/** What {@link MemoryPorts} hold at the start: citizens at the baseline, and a topic with these messages, spread over partitions by key. */
export interface MemoryPortsOptions extends UnsteadyOptions {
  readonly profiles: readonly CitizenProfile[];
  readonly configuration: ScoringConfiguration;
  readonly rules: readonly RuleDefinition[];
  readonly messages: Iterable<MemoryMessage>;
  readonly partitions: number;
}

/**
 * All systems of scoring in memory, on an injected clock and randomness: for simulation and tests. Calls take time and fail as the options
 * say. Throws `RuleSetError` for rules that can not be used.
 *
 * @example
 * ```ts
 * import { simulate } from "@millrace/core/testing";
 * import { DEFAULT_CONFIGURATION, DEFAULT_RULES, type MemoryMessage, MemoryPorts, scoringTopology, syntheticCitizens } from "@millrace/scoring";
 * declare const messages: MemoryMessage[];
 * const profiles = syntheticCitizens({ seed: 7, count: 100 }).map(({ profile }) => profile);
 * await simulate(
 *   (world) => scoringTopology(new MemoryPorts({ ...world, profiles, messages, partitions: 4, configuration: DEFAULT_CONFIGURATION, rules: DEFAULT_RULES })),
 *   { seed: 7, faults: { crash: 2 } },
 * );
 * ```
 */
export class MemoryPorts implements ScoringPorts, StoreContents {
  readonly events: MemoryTopic;
  readonly citizens: MemoryCitizens;
  readonly ruleState: MemoryRuleState;
  readonly profiles: ScoringPorts["profiles"];
  readonly configuration: ScoringPorts["configuration"];
  readonly ruleSets: ScoringPorts["ruleSets"];
  readonly sinks: ScoringPorts["sinks"];
  readonly #tables: MemoryTables;
  readonly #unsteady: Unsteady;

  constructor(options: MemoryPortsOptions) {
    const { profiles, configuration, rules, messages, partitions } = options;
    this.#unsteady = new Unsteady(options);
    this.events = new MemoryTopic(messages, partitions);
    this.citizens = new MemoryCitizens(this.#unsteady, configuration, profiles);
    this.ruleState = new MemoryRuleState(this.#unsteady);
    this.#tables = new MemoryTables(this.#unsteady);
    this.profiles = this.citizens.profiles();
    this.configuration = this.#table("configuration", ACTIVE_CONFIGURATION, configuration);
    const { ruleSetVersion } = configuration;
    this.ruleSets = this.#table("rule-sets", ruleSetVersion, compileRuleSet(ruleSetVersion, rules));
    this.sinks = this.#tables.sinks;
  }

  /** How many calls have failed so far. */
  get failedCalls(): number {
    return this.#unsteady.failed;
  }

  rows(name: ContentName): Iterable<ContentRow> {
    if (name === "snapshots")
      return [...this.citizens.snapshots()].map(
        ([citizenID, snapshot]): SnapshotRow => snapshotRow(citizenID, snapshot),
      );
    if (name !== "ruleState") return this.#tables.rows(name);
    return [...this.ruleState.rows()].flatMap(([citizenID, rules]) =>
      [...rules].map(([ruleID, applications]): RuleStateRow => ruleStateRow(citizenID, ruleID, applications)),
    );
  }

  #table<V>(name: string, key: string, value: V): Lookup<string, V> {
    return { name, fetch: (keys) => this.#unsteady.call(() => new Map(keys.includes(key) ? [[key, value]] : [])) };
  }
}
