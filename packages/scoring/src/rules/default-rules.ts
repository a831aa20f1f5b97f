import { FINANCIAL_RULES } from "./default-rules-financial.js";
import { ONLINE_RULES } from "./default-rules-online.js";
import { SOCIAL_RULES } from "./default-rules-social.js";
import type { RuleDefinition } from "./rule.js";

export const DEFAULT_RULE_SET_VERSION = "2025-01";

/**
 * The rules of the demo. They judge simulated citizens only.
 *
 * @example
 * ```ts
 * import { compileRuleSet, DEFAULT_CONFIGURATION, DEFAULT_RULES } from "@millrace/scoring";
 * const rules = compileRuleSet(DEFAULT_CONFIGURATION.ruleSetVersion, DEFAULT_RULES);
 * rules.rulesFor("financial", "late_payment");
 * ```
 */
export const DEFAULT_RULES: readonly RuleDefinition[] = [...FINANCIAL_RULES, ...SOCIAL_RULES, ...ONLINE_RULES];
