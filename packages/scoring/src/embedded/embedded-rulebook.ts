import type { Lookup } from "@millrace/core";
import { ACTIVE_CONFIGURATION } from "../ports/scoring-ports.js";
import { parseConfiguration, type ScoringConfiguration } from "../rules/configuration.js";
import type { RuleDefinition } from "../rules/rule.js";
import { compileRuleSet, type RuleSet } from "../rules/rule-set.js";
import type { ScoreConnection } from "./score-database.js";

/** Rules and configurations with their versions, in the score database. What is not valid is refused at writing and at reading. */
export class EmbeddedRulebook {
  readonly #db: ScoreConnection;

  constructor(db: ScoreConnection) {
    this.#db = db;
  }

  /** Stores a set of rules under a version. Throws `RuleSetError`, and an error where a version that is there would change. */
  saveRuleSet(version: string, definitions: readonly RuleDefinition[]): void {
    compileRuleSet(version, definitions);
    const save = this.#db.transaction(() => {
      for (const rule of definitions) this.#saveRule(rule);
      const rules = JSON.stringify(
        definitions.map(({ ruleID, version: ruleVersion }) => ({ ruleID, version: ruleVersion })),
      );
      const known = this.#db.prepare("SELECT rules FROM rule_sets WHERE version = ?").pluck().get(version);
      if (known === undefined) this.#db.prepare("INSERT INTO rule_sets VALUES (?, ?)").run(version, rules);
      else if (known !== rules)
        throw new Error(
          `E_RULE_SET: rule set ${version} is there with other rules; versions do not change, take a new one`,
        );
    });
    save.immediate();
  }

  /** Stores a configuration and makes it the one in force, in one step. Throws where it or its rule set can not be used. */
  activate(configuration: ScoringConfiguration): void {
    parseConfiguration(configuration);
    this.ruleSet(configuration.ruleSetVersion);
    const text = JSON.stringify(configuration);
    const activate = this.#db.transaction(() => {
      this.#db.prepare("UPDATE system_configuration SET active = 0 WHERE active = 1").run();
      this.#db
        .prepare("INSERT INTO system_configuration VALUES (?, 0, ?) ON CONFLICT DO NOTHING")
        .run(configuration.version, text);
      const known = this.#db
        .prepare("SELECT configuration FROM system_configuration WHERE version = ?")
        .pluck()
        .get(configuration.version);
      if (known !== text)
        throw new Error(
          `E_CONFIGURATION: version ${configuration.version} is there with other content; take a new version`,
        );
      this.#db.prepare("UPDATE system_configuration SET active = 1 WHERE version = ?").run(configuration.version);
    });
    activate.immediate();
  }

  /** The configuration in force. */
  active(): ScoringConfiguration | undefined {
    const text = this.#db
      .prepare<[], string>("SELECT configuration FROM system_configuration WHERE active = 1")
      .pluck()
      .get();
    return text === undefined ? undefined : parseConfiguration(JSON.parse(text));
  }

  /** A set of rules, compiled. */
  ruleSet(version: string): RuleSet {
    const rules = this.#db
      .prepare<[string], string>("SELECT rules FROM rule_sets WHERE version = ?")
      .pluck()
      .get(version);
    if (rules === undefined) throw new Error(`E_RULE_SET: there is no rule set ${version}`);
    const definition = this.#db
      .prepare<[string, number], string>(
        "SELECT definition FROM scoring_rule_definitions WHERE ruleID = ? AND version = ?",
      )
      .pluck();
    const definitions = (JSON.parse(rules) as { ruleID: string; version: number }[]).map((rule) =>
      JSON.parse(definition.get(rule.ruleID, rule.version) ?? "null"),
    );
    return compileRuleSet(version, definitions);
  }

  configurationLookup(): Lookup<string, ScoringConfiguration> {
    return {
      name: "configuration",
      fetch: async (keys) => {
        const active = keys.includes(ACTIVE_CONFIGURATION) ? this.active() : undefined;
        return new Map(active === undefined ? [] : [[ACTIVE_CONFIGURATION, active]]);
      },
    };
  }

  ruleSetLookup(): Lookup<string, RuleSet> {
    return {
      name: "rule-sets",
      fetch: async (versions) => new Map(versions.map((version) => [version, this.ruleSet(version)])),
    };
  }

  #saveRule(rule: RuleDefinition): void {
    const text = JSON.stringify(rule);
    const known = this.#db
      .prepare("SELECT definition FROM scoring_rule_definitions WHERE ruleID = ? AND version = ?")
      .pluck()
      .get(rule.ruleID, rule.version);
    if (known === undefined) {
      this.#db.prepare("INSERT INTO scoring_rule_definitions VALUES (?, ?, ?)").run(rule.ruleID, rule.version, text);
    } else if (known !== text) {
      throw new Error(
        `E_RULE_SET: rule ${rule.ruleID} version ${rule.version} is there with other content; an edit makes the next version`,
      );
    }
  }
}
