/**
 * The reference system of Millrace: a SIMULATED social-credit system that scores invented events of invented citizens. It shows what
 * a user of the library writes, and is not made for real people.
 *
 * @module
 */

export { decayed } from "./decide/decay.js";
export { type DecisionState, decide } from "./decide/decide.js";
export {
  type ArchivedBecause,
  type Decision,
  type HeldBecause,
  type HeldRule,
  type Outcome,
  PSEUDO_RULES,
  type ScoreChange,
  type ScorePoint,
  type StoredDecision,
} from "./decide/outcome.js";
export type { Application, RuleApplications, RuleClaim } from "./decide/rule-limits.js";
export { initialSnapshot, type ScoreSnapshot } from "./decide/score-snapshot.js";
export { tierFor } from "./decide/tiers.js";
export type { NewCitizen } from "./embedded/embedded-citizens.js";
export { EmbeddedContents } from "./embedded/embedded-contents.js";
export { type EmbeddedFiles, type EmbeddedOptions, EmbeddedPorts, embeddedFiles } from "./embedded/embedded-ports.js";
export type { EmbeddedRulebook } from "./embedded/embedded-rulebook.js";
export {
  type Decoded,
  decodeEvent,
  isRefused,
  type Received,
  type ReceivedEvent,
  type Refused,
} from "./event/decode-event.js";
export {
  type CitizenEvent,
  EVENT_LIMITS,
  EVENT_TYPES,
  type EventLocation,
  type EventType,
  isQueryableName,
  type Payload,
  type PayloadValue,
} from "./event/event.js";
export type { EventErrorCode, EventProblem } from "./event/event-error.js";
export { problemOf } from "./event/validate-event.js";
export {
  DEFAULT_FAULT_RATES,
  FAULT_KINDS,
  type FaultKind,
  type FaultRates,
  type MessageKind,
} from "./generator/faults.js";
export { type GeneratedMessage, type GeneratorOptions, generateMessages, onlyFaults } from "./generator/generator.js";
export {
  type PopulationOptions,
  type SyntheticCitizen,
  syntheticCitizens,
  type Traits,
} from "./generator/synthetic-citizens.js";
export { MemoryPorts, type MemoryPortsOptions } from "./memory/memory-ports.js";
export type { MemoryMessage } from "./memory/memory-topic.js";
export {
  areEqual,
  compareStores,
  type Difference,
  type StoreComparison,
} from "./oracle/compare-stores.js";
export {
  type EmitRow,
  type ReferenceCounts,
  type ReferenceOptions,
  ReferenceScorer,
} from "./oracle/reference-scorer.js";
export type { CitizenProfile, Consent } from "./ports/citizen-profile.js";
export type { CitizenRecord, CitizenStore, SnapshotWrite } from "./ports/citizen-store.js";
export type { Relation, Relationship } from "./ports/relationship.js";
export type { RuleState } from "./ports/rule-state.js";
export { ACTIVE_CONFIGURATION, type ScoringPorts, type StoreSinks } from "./ports/scoring-ports.js";
export type { ContentName, ContentRow, StoreContents } from "./ports/store-contents.js";
export { STORE_NAMES, STORES, type StoreName, type StoreRow, type StoreSpec } from "./ports/stores.js";
export { type ConditionCompiler, compileCondition, type Predicate } from "./rules/compile-condition.js";
export type { Circle, Condition, Scalar, Test } from "./rules/condition.js";
export {
  configurationSchema,
  type Decay,
  parseConfiguration,
  type ScoringConfiguration,
  type Tier,
} from "./rules/configuration.js";
export { DEFAULT_CONFIGURATION } from "./rules/default-configuration.js";
export { DEFAULT_RULES } from "./rules/default-rules.js";
export type { Expression } from "./rules/expression.js";
export type { Facts } from "./rules/facts.js";
export { type RuleDefinition, type RuleStatus, ruleSchema, type Stacking } from "./rules/rule.js";
export { type CompiledRule, compileRuleSet, type RuleSet, RuleSetError } from "./rules/rule-set.js";
export {
  SCORING_DEFAULTS,
  type ScoringObserver,
  type ScoringOptions,
  scoringTopology,
} from "./topology/scoring-topology.js";
