import type { Lookup, Sink, Source } from "@millrace/core";
import type { Received } from "../event/decode-event.js";
import type { ScoringConfiguration } from "../rules/configuration.js";
import type { RuleSet } from "../rules/rule-set.js";
import type { CitizenProfile } from "./citizen-profile.js";
import type { CitizenStore } from "./citizen-store.js";
import type { Relationship } from "./relationship.js";
import type { RuleState } from "./rule-state.js";
import type { StoreName, StoreRow } from "./stores.js";

/**
 * The key under which the configuration in force is looked up.
 *
 * @example
 * ```ts
 * import type { Lookup } from "@millrace/core";
 * import { ACTIVE_CONFIGURATION, DEFAULT_CONFIGURATION, type ScoringConfiguration } from "@millrace/scoring";
 * const configuration: Lookup<string, ScoringConfiguration> = {
 *   name: "configuration",
 *   fetch: async () => new Map([[ACTIVE_CONFIGURATION, DEFAULT_CONFIGURATION]]),
 * };
 * ```
 */
export const ACTIVE_CONFIGURATION = "active";

/** Where each derived store is written. */
export type StoreSinks = { readonly [Name in StoreName]: Sink<StoreRow<Name>> };

/** All the systems that scoring talks to. Each kind of adapter fills the same set. */
export interface ScoringPorts {
  /** The topic citizen_events. */
  readonly events: Source<Received>;
  readonly citizens: CitizenStore;
  readonly ruleState: RuleState;
  /** By citizenID. May be a little stale: the score is not in it. */
  readonly profiles: Lookup<string, CitizenProfile>;
  /** {@link ACTIVE_CONFIGURATION} → the configuration in force. */
  readonly configuration: Lookup<string, ScoringConfiguration>;
  /** By version. A version never changes, so a switch of rules is one change of the configuration. */
  readonly ruleSets: Lookup<string, RuleSet>;
  readonly sinks: StoreSinks;
  /** The social graph, where there is one. */
  readonly relationships?: Sink<Relationship>;
}
