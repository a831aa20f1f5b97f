import { z } from "zod";
import type { EventType } from "../event/event.js";
import { type ConditionCompiler, type Predicate, treeConditions } from "./compile-condition.js";
import type { Condition } from "./condition.js";
import { compileExpression, type NumberReader } from "./expression.js";
import { type RuleDefinition, ruleSchema, type Stacking } from "./rule.js";

/** A rule ready to be asked: its conditions are functions. */
export interface CompiledRule {
  readonly ruleID: string;
  readonly version: number;
  readonly validFrom: number;
  readonly validTo: number;
  readonly when: Predicate | undefined;
  readonly points: NumberReader;
  readonly multipliers: readonly { readonly when: Predicate; readonly factor: number }[];
  readonly cooldownMs: number;
  readonly cap: { readonly n: number; readonly perMs: number } | undefined;
  readonly group: string | undefined;
  readonly stacking: Stacking;
  readonly reason: string;
}

/** Rules of one version, compiled: what `decide` asks. Immutable, so a switch to another set is one assignment. */
export interface RuleSet {
  readonly version: string;
  /** The rules for a kind of event, the highest priority first. */
  rulesFor(eventType: EventType, eventSubtype: string): readonly CompiledRule[];
  /** How long an application must be remembered for the longest cooldown or cap, without lateness. */
  readonly longestLimitMs: number;
}

/**
 * A set of rules can not be used. `problems` has one line for each thing that is wrong; the code is `E_RULE_SET`.
 *
 * @example
 * ```ts
 * import { compileRuleSet, RuleSetError } from "@millrace/scoring";
 * try {
 *   compileRuleSet("2", [{ ruleID: "no-points" }]);
 * } catch (error) {
 *   if (error instanceof RuleSetError) console.error(error.problems);
 * }
 * ```
 */
export class RuleSetError extends Error {
  override readonly name = "RuleSetError";
  readonly code = "E_RULE_SET";
  readonly problems: readonly string[];

  constructor(version: string, problems: readonly string[]) {
    super(`rule set ${version} can not be used:\n${problems.join("\n")}`);
    this.problems = problems;
  }
}

const NO_RULES: readonly CompiledRule[] = [];

/**
 * Validates and compiles rules once. Rules that are not `active` are left out. Throws {@link RuleSetError}.
 *
 * @example
 * ```ts
 * import { compileRuleSet } from "@millrace/scoring";
 * const rules = compileRuleSet("1", [
 *   { ruleID: "late-payment", version: 1, status: "active", match: { eventType: "financial", eventSubtypes: ["late_payment"] }, points: -12, priority: 10, reason: "A payment came late" },
 * ]);
 * ```
 */
export function compileRuleSet(
  version: string,
  definitions: readonly unknown[],
  compiler: ConditionCompiler<Condition> = treeConditions,
): RuleSet {
  const rules = validated(version, definitions).filter((rule) => rule.status === "active");
  const bySubtype = new Map<string, CompiledRule[]>();
  const byType = new Map<string, CompiledRule[]>();
  const sorted = [...rules].sort((a, b) => b.priority - a.priority || (a.ruleID < b.ruleID ? -1 : 1));
  const compiled = new Map(sorted.map((rule) => [rule.ruleID, compileRule(rule, compiler)]));
  const subtypes = new Set(
    rules.flatMap(({ match }) => (match.eventSubtypes ?? []).map((each) => keyOf(match.eventType, each))),
  );
  for (const rule of sorted) {
    const ready = compiled.get(rule.ruleID) as CompiledRule;
    const { eventType, eventSubtypes } = rule.match;
    if (eventSubtypes === undefined) {
      append(byType, eventType, ready);
      for (const key of subtypes) if (key.startsWith(`${eventType}/`)) append(bySubtype, key, ready);
    } else for (const subtype of new Set(eventSubtypes)) append(bySubtype, keyOf(eventType, subtype), ready);
  }
  const longestLimitMs = Math.max(0, ...sorted.map((rule) => Math.max(rule.cooldown?.ms ?? 0, rule.cap?.perMs ?? 0)));
  return {
    version,
    longestLimitMs,
    rulesFor: (type, subtype) => bySubtype.get(keyOf(type, subtype)) ?? byType.get(type) ?? NO_RULES,
  };
}

function keyOf(eventType: string, eventSubtype: string): string {
  return `${eventType}/${eventSubtype}`;
}

function append(index: Map<string, CompiledRule[]>, key: string, rule: CompiledRule): void {
  const list = index.get(key);
  if (list === undefined) index.set(key, [rule]);
  else list.push(rule);
}

function validated(version: string, definitions: readonly unknown[]): RuleDefinition[] {
  const problems: string[] = [];
  const rules: RuleDefinition[] = [];
  const ids = new Set<string>();
  const stackings = new Map<string, Stacking>();
  definitions.forEach((definition, index) => {
    const result = ruleSchema.safeParse(definition);
    if (!result.success) {
      problems.push(`rule ${nameOf(definition, index)}: ${z.prettifyError(result.error).replaceAll("\n", " ")}`);
      return;
    }
    const rule = result.data;
    if (ids.has(rule.ruleID)) problems.push(`rule ${rule.ruleID} is there twice; a set has one version of each`);
    ids.add(rule.ruleID);
    const known = rule.group && stackings.get(rule.group.name);
    if (known !== undefined && known !== rule.group?.stacking) {
      problems.push(`rule ${rule.ruleID}: group ${rule.group?.name} stacks as "${known}" in another rule`);
    }
    if (rule.group !== undefined) stackings.set(rule.group.name, rule.group.stacking);
    rules.push(rule);
  });
  if (problems.length > 0) throw new RuleSetError(version, problems);
  return rules;
}

function nameOf(definition: unknown, index: number): string {
  const id = (definition as { ruleID?: unknown } | null)?.ruleID;
  return typeof id === "string" ? id : `number ${index}`;
}

function compileRule(rule: RuleDefinition, compiler: ConditionCompiler<Condition>): CompiledRule {
  return {
    ruleID: rule.ruleID,
    version: rule.version,
    validFrom: rule.validFrom ?? Number.NEGATIVE_INFINITY,
    validTo: rule.validTo ?? Number.POSITIVE_INFINITY,
    when: rule.when === undefined ? undefined : compiler.compile(rule.when),
    points: compileExpression(rule.points),
    multipliers: (rule.multipliers ?? []).map(({ when, factor }) => ({ when: compiler.compile(when), factor })),
    cooldownMs: rule.cooldown?.ms ?? 0,
    cap: rule.cap,
    group: rule.group?.name,
    stacking: rule.group?.stacking ?? "all",
    reason: rule.reason,
  };
}
