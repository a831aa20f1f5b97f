import type { RuleApplications, RuleClaim } from "../decide/rule-limits.js";

/** The truth about cooldowns and caps: which rules were applied to which citizen, for which events, when. */
export interface RuleState {
  /** What is known of these rules for a citizen; rules never applied are missing. */
  read(citizenID: string, ruleIDs: readonly string[]): Promise<ReadonlyMap<string, RuleApplications>>;
  /**
   * Writes all claims or none. Each holds if its row is as it was seen, or is held by this event already: that was an earlier try of
   * the same event. Refused: somebody else applied one of the rules in between; read and decide again.
   */
  claim(citizenID: string, eventID: string, claims: readonly RuleClaim[]): Promise<"claimed" | "refused">;
}
