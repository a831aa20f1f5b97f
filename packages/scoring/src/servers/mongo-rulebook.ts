import { type Lookup, WriteError } from "@millrace/core";
import { mongoLookup } from "@millrace/mongo";
import type { Db, Document } from "mongodb";
import { ACTIVE_CONFIGURATION } from "../ports/scoring-ports.js";
import { parseConfiguration, type ScoringConfiguration } from "../rules/configuration.js";
import type { RuleDefinition } from "../rules/rule.js";
import { compileRuleSet, type RuleSet } from "../rules/rule-set.js";
import { calling } from "./mongo-call.js";
import { CONFIGURATIONS, RULE_SETS, RULES } from "./mongo-schema.js";

interface RuleDocument {
  readonly _id: string;
  readonly ruleID: string;
  readonly version: number;
  readonly status: string;
  readonly definition: Document;
}

interface RuleSetDocument {
  readonly _id: string;
  readonly rules: readonly { readonly ruleID: string; readonly version: number }[];
}

interface ConfigurationDocument {
  readonly _id: number;
  readonly active?: true;
  readonly configuration: Document;
}

/** Rules and configurations with their versions, in MongoDB. What is not valid is refused at writing and at reading. */
export class MongoRulebook {
  readonly #db: Db;
  /** Changes are told by the server at once; else they are seen when the cache has expired. */
  readonly #watch: boolean;

  constructor(db: Db, watch: boolean) {
    this.#db = db;
    this.#watch = watch;
  }

  /** Stores a set of rules under a version. Throws `RuleSetError`, and `E_RULE_SET` where a version that is there would change. */
  async saveRuleSet(version: string, definitions: readonly RuleDefinition[]): Promise<void> {
    compileRuleSet(version, definitions);
    for (const rule of definitions) await this.#saveRule(rule);
    const rules = definitions.map(({ ruleID, version: ruleVersion }) => ({ ruleID, version: ruleVersion }));
    const known = await this.#keep<RuleSetDocument>(RULE_SETS, { _id: version, rules });
    if (JSON.stringify(known.rules) !== JSON.stringify(rules))
      throw new Error(
        `E_RULE_SET: rule set ${version} is there with other rules; versions do not change, take a new one`,
      );
  }

  /** Stores a configuration and makes it the one in force, in one transaction. Throws where it or its rule set can not be used. */
  async activate(configuration: ScoringConfiguration): Promise<void> {
    parseConfiguration(configuration);
    await this.ruleSet(configuration.ruleSetVersion);
    const { version } = configuration;
    const known = await this.#keep<ConfigurationDocument>(CONFIGURATIONS, {
      _id: version,
      configuration: { ...configuration },
    });
    if (JSON.stringify(known.configuration) !== JSON.stringify(configuration))
      throw new Error(`E_CONFIGURATION: version ${version} is there with other content; take a new version`);
    const configurations = this.#db.collection<ConfigurationDocument>(CONFIGURATIONS);
    await calling("write", () =>
      this.#db.client.withSession((session) =>
        session.withTransaction(async () => {
          const change = { session };
          await configurations.updateMany({ active: true, _id: { $ne: version } }, { $unset: { active: "" } }, change);
          await configurations.updateOne({ _id: version }, { $set: { active: true } }, change);
        }),
      ),
    );
  }

  /** The configuration in force. */
  async active(): Promise<ScoringConfiguration | undefined> {
    const found = await calling("read", () =>
      this.#db.collection<ConfigurationDocument>(CONFIGURATIONS).findOne({ active: true }),
    );
    return found === null ? undefined : parseConfiguration(found.configuration);
  }

  /** A set of rules, compiled. Undefined: there is none of this version. Throws `RuleSetError` for rules that can not be used. */
  async ruleSet(version: string): Promise<RuleSet> {
    const definitions = await calling("read", async () => {
      const set = await this.#db.collection<RuleSetDocument>(RULE_SETS).findOne({ _id: version });
      if (set === null) throw new WriteError("fatal", "E_RULE_SET", `there is no rule set ${version}`);
      const ids = set.rules.map(({ ruleID, version: ruleVersion }) => ruleDocumentID(ruleID, ruleVersion));
      const found = await this.#db
        .collection<RuleDocument>(RULES)
        .find({ _id: { $in: ids } })
        .toArray();
      const byID = new Map(found.map(({ _id, definition }) => [_id, definition]));
      return ids.map((id) => byID.get(id) ?? null);
    });
    return compileRuleSet(version, definitions);
  }

  configurationLookup(): Lookup<string, ScoringConfiguration> {
    return mongoLookup<string, ScoringConfiguration>({
      client: this.#db.client,
      database: this.#db.databaseName,
      collection: CONFIGURATIONS,
      name: "configuration",
      field: "active",
      query: (key) => key === ACTIVE_CONFIGURATION,
      key: () => ACTIVE_CONFIGURATION,
      value: ({ configuration }) => parseConfiguration(configuration),
      watch: this.#watch,
    });
  }

  /** Versions never change, so nothing is to be watched. */
  ruleSetLookup(): Lookup<string, RuleSet> {
    return {
      name: "rule-sets",
      fetch: async (versions) => {
        const sets = versions.map(async (version) => [version, await this.ruleSet(version)] as const);
        return new Map(await Promise.all(sets));
      },
    };
  }

  async #saveRule(rule: RuleDefinition): Promise<void> {
    const { ruleID, version, status } = rule;
    const known = await this.#keep<RuleDocument>(RULES, {
      _id: ruleDocumentID(ruleID, version),
      ruleID,
      version,
      status,
      definition: { ...rule },
    });
    if (JSON.stringify(known.definition) !== JSON.stringify(rule))
      throw new Error(
        `E_RULE_SET: rule ${ruleID} version ${version} is there with other content; an edit makes the next version`,
      );
  }

  /** Inserts the document unless one with its id is there; what is there then. */
  async #keep<D extends { readonly _id: string | number }>(collection: string, document: D): Promise<D> {
    const documents = this.#db.collection<Document>(collection);
    const { _id, ...rest } = document;
    return await calling("write", async () => {
      await documents.updateOne({ _id } as Document, { $setOnInsert: rest }, { upsert: true });
      return (await documents.findOne({ _id } as Document)) as unknown as D;
    });
  }
}

function ruleDocumentID(ruleID: string, version: number): string {
  return `${ruleID}@${version}`;
}
