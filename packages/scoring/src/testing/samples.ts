import type { ReceivedEvent } from "../event/decode-event.js";
import type { CitizenEvent } from "../event/event.js";
import type { CitizenProfile } from "../ports/citizen-profile.js";
import type { RuleDefinition } from "../rules/rule.js";

export const SAMPLE_TIME: number = Date.UTC(2025, 0, 6, 12);

/** A valid event; what a test is about is given, the rest is filled in. */
export function anEvent(about: Partial<CitizenEvent> = {}): CitizenEvent {
  return {
    eventID: "01943b5e-7c00-7abc-8def-0123456789ab",
    citizenID: "c-1",
    eventType: "financial",
    eventSubtype: "late_payment",
    sourceSystem: "bank-a",
    occurredAt: SAMPLE_TIME,
    schemaVersion: 1,
    payload: {},
    ...about,
  };
}

/** A citizen who allows everything. */
export function aCitizen(about: Partial<CitizenProfile> = {}): CitizenProfile {
  return {
    citizenID: "c-1",
    birthYear: 1990,
    region: "north",
    consent: { scoring: true, profiling: true, graph: true, marketing: true },
    flags: [],
    ...about,
  };
}

/** A rule for late payments that gives -10. */
export function aRule(about: Partial<RuleDefinition> = {}): RuleDefinition {
  return {
    ruleID: "late-payment",
    version: 1,
    status: "active",
    match: { eventType: "financial", eventSubtypes: ["late_payment"] },
    points: -10,
    priority: 0,
    reason: "A payment came late",
    ...about,
  };
}

/** An event as it comes from the topic. */
export function aReceived(
  event: Partial<CitizenEvent> = {},
  place: Partial<Omit<ReceivedEvent, "event">> = {},
): ReceivedEvent {
  const whole = anEvent(event);
  return {
    event: whole,
    bytes: Buffer.from(JSON.stringify(whole)),
    digest: whole.eventID,
    publishedAt: whole.occurredAt,
    partition: "0",
    offset: 0,
    ...place,
  };
}
