import type { RuleApplications, RuleClaim } from "../decide/rule-limits.js";
import type { RuleState } from "../ports/rule-state.js";
import type { Unsteady } from "./unsteady.js";

/** The rule state in memory. */
export class MemoryRuleState implements RuleState {
  readonly #unsteady: Unsteady;
  readonly #rows = new Map<string, Map<string, RuleApplications>>();

  constructor(unsteady: Unsteady) {
    this.#unsteady = unsteady;
  }

  read(citizenID: string, ruleIDs: readonly string[]): Promise<ReadonlyMap<string, RuleApplications>> {
    return this.#unsteady.call(() => {
      const rows = this.#rows.get(citizenID);
      const found = new Map<string, RuleApplications>();
      for (const ruleID of ruleIDs) {
        const row = rows?.get(ruleID);
        if (row !== undefined) found.set(ruleID, row);
      }
      return found;
    });
  }

  claim(citizenID: string, eventID: string, claims: readonly RuleClaim[]): Promise<"claimed" | "refused"> {
    return this.#unsteady.call(() => {
      const rows = this.#rows.get(citizenID) ?? new Map<string, RuleApplications>();
      const holds = ({ ruleID, seen }: RuleClaim): boolean => {
        const held = rows.get(ruleID)?.lastEventID;
        return held === seen || held === eventID;
      };
      if (!claims.every(holds)) return "refused";
      for (const { ruleID, next } of claims) rows.set(ruleID, next);
      this.#rows.set(citizenID, rows);
      return "claimed";
    });
  }

  /** All rows: citizenID → ruleID → applications. */
  rows(): ReadonlyMap<string, ReadonlyMap<string, RuleApplications>> {
    return this.#rows;
  }
}
