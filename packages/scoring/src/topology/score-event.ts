import { type CallContext, WriteError } from "@millrace/core";
import { decide } from "../decide/decide.js";
import type { Outcome } from "../decide/outcome.js";
import { isLimited, type RuleApplications } from "../decide/rule-limits.js";
import type { ReceivedEvent } from "../event/decode-event.js";
import type { CitizenProfile } from "../ports/citizen-profile.js";
import type { ScoringPorts } from "../ports/scoring-ports.js";
import type { ScoringConfiguration } from "../rules/configuration.js";
import type { CompiledRule, RuleSet } from "../rules/rule-set.js";
import type { DecidedEvent } from "./decided-event.js";

/** An event with all that was looked up for it. */
export interface EnrichedEvent {
  readonly received: ReceivedEvent;
  readonly citizen: CitizenProfile;
  readonly configuration: ScoringConfiguration;
  readonly ruleSet: RuleSet;
}

/** What came of an event. */
export type Scored =
  | ({ readonly kind: "decided" } & DecidedEvent)
  | { readonly kind: "duplicate"; readonly received: ReceivedEvent }
  | { readonly kind: "conflict"; readonly received: ReceivedEvent };

/** How often somebody else may be faster before the event is given back to be tried again later. */
const MAX_ROUNDS = 8;

/**
 * Scores one event against the stores that hold the truth: read snapshot and rule state, decide, claim the rules that fired, write the
 * snapshot with the decision. Whatever was done before a crash is found again: a claim that holds this event's id is its own, and a
 * stored decision is given back as it stands. When another writer was faster, it reads and decides again.
 */
export async function scoreEvent(
  ports: Pick<ScoringPorts, "citizens" | "ruleState">,
  enriched: EnrichedEvent,
  context: Pick<CallContext, "signal">,
): Promise<Scored> {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    context.signal.throwIfAborted();
    const scored = await tryToScore(ports, enriched);
    if (scored !== undefined) return scored;
  }
  const { citizenID } = enriched.received.event;
  throw new WriteError(
    "conflict",
    "E_SCORING_CONTENDED",
    `citizen ${citizenID} was written by others ${MAX_ROUNDS} times in a row`,
  );
}

async function tryToScore(
  { citizens, ruleState }: Pick<ScoringPorts, "citizens" | "ruleState">,
  { received, citizen, configuration, ruleSet }: EnrichedEvent,
): Promise<Scored | undefined> {
  const { event, partition, offset, digest } = received;
  const { citizenID, eventID, occurredAt } = event;
  const record = await citizens.read(citizenID, eventID);
  if (record === undefined) {
    throw new WriteError(
      "fatal",
      "E_SCORING_STORE",
      `citizen ${citizenID} has a profile but no score: the citizen store is not complete`,
    );
  }
  const limited = ruleSet.rulesFor(event.eventType, event.eventSubtype).filter(isLimited);
  const applications =
    record.stored === undefined && limited.length > 0 ? await ruleState.read(citizenID, limited.map(idOf)) : NOTHING;
  const outcome = decide(received, citizen, ruleSet, configuration, { ...record, applications });
  if (outcome.kind !== "decided") return settled(outcome, received);

  const { claims, decision, next } = outcome;
  if (claims.length > 0 && (await ruleState.claim(citizenID, eventID, claims)) === "refused") return undefined;
  const stored = { decision, digest, partition, offset };
  const write = { citizenID, eventID, occurredAt, expectedVersion: record.snapshot.version, next, stored };
  return (await citizens.write(write)) === "written" ? { kind: "decided", received, decision } : undefined;
}

const NOTHING: ReadonlyMap<string, RuleApplications> = new Map();

function idOf(rule: CompiledRule): string {
  return rule.ruleID;
}

function settled(outcome: Exclude<Outcome, { kind: "decided" }>, received: ReceivedEvent): Scored {
  if (outcome.kind === "repeated") return { kind: "decided", received, decision: outcome.decision };
  return { kind: outcome.kind, received };
}
