import type { Statement } from "better-sqlite3";
import type { Application, RuleApplications, RuleClaim } from "../decide/rule-limits.js";
import type { RuleState } from "../ports/rule-state.js";
import type { GroupCommit } from "./group-commit.js";
import type { ScoreConnection } from "./score-database.js";

interface RuleStateColumns {
  readonly lastEventID: string;
  readonly applications: string;
}

/** The rule state in the score database. */
export class EmbeddedRuleState implements RuleState {
  readonly #group: GroupCommit;
  readonly #row: Statement<[string, string], RuleStateColumns>;
  readonly #upsert: Statement;

  constructor(db: ScoreConnection, group: GroupCommit) {
    this.#group = group;
    this.#row = db.prepare(
      "SELECT lastEventID, applications FROM rule_application_state WHERE citizenID = ? AND ruleID = ?",
    );
    this.#upsert = db.prepare(
      `INSERT INTO rule_application_state VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET lastEventID = excluded.lastEventID, applications = excluded.applications`,
    );
  }

  async read(citizenID: string, ruleIDs: readonly string[]): Promise<ReadonlyMap<string, RuleApplications>> {
    const found = new Map<string, RuleApplications>();
    for (const ruleID of ruleIDs) {
      const row = this.#row.get(citizenID, ruleID);
      if (row === undefined) continue;
      found.set(ruleID, { lastEventID: row.lastEventID, applications: JSON.parse(row.applications) as Application[] });
    }
    return found;
  }

  claim(citizenID: string, eventID: string, claims: readonly RuleClaim[]): Promise<"claimed" | "refused"> {
    return this.#group.run(() => {
      for (const { ruleID, seen } of claims) {
        const held = this.#row.get(citizenID, ruleID)?.lastEventID;
        if (held !== seen && held !== eventID) return "refused";
      }
      for (const { ruleID, next } of claims) {
        this.#upsert.run(citizenID, ruleID, next.lastEventID, JSON.stringify(next.applications));
      }
      return "claimed";
    });
  }
}
