import type { Windowed } from "@millrace/core";
import type { ReceivedEvent, Refused } from "../event/decode-event.js";
import { type CitizenEvent, isQueryableName } from "../event/event.js";
import { type EventProblem, eventProblem } from "../event/event-error.js";
import type { ActivityRow, ArchiveRow, DeadLetterRow, HistoryRow, RawEventRow } from "../ports/stores.js";
import type { Activity } from "./activity.js";
import type { DecidedEvent } from "./decided-event.js";

export function rawEventRow({ received: { event } }: DecidedEvent): RawEventRow {
  const { eventID, citizenID, occurredAt, eventType, eventSubtype, sourceSystem, location } = event;
  return {
    eventID,
    citizenID,
    occurredAt,
    eventType,
    eventSubtype,
    sourceSystem,
    region: location?.region ?? null,
    city: location?.city ?? null,
    lat: location?.lat ?? null,
    lon: location?.lon ?? null,
    fields: JSON.stringify(queryableFields(event)),
    payload: JSON.stringify(event.payload),
  };
}

/** The payload's plain values under their queryable names; what is nested or oddly named stays in the payload only. */
function queryableFields({ payload }: CitizenEvent): Record<string, string | number | boolean> {
  const fields: Record<string, string | number | boolean> = {};
  for (const name of Object.keys(payload)) {
    const value = payload[name];
    if (value !== null && typeof value !== "object" && value !== undefined && isQueryableName(name))
      fields[`p_${name}`] = value;
  }
  return fields;
}

/** One row for each part of the change. */
export function historyRows({ received: { event }, decision }: DecidedEvent): HistoryRow[] {
  return decision.changes.map((change, part) => ({
    citizenID: event.citizenID,
    version: decision.version,
    part,
    eventID: event.eventID,
    occurredAt: event.occurredAt,
    ruleID: change.ruleID,
    ruleVersion: change.ruleVersion,
    delta: change.delta,
    oldScore: decision.before.score,
    newScore: decision.after.score,
    tier: decision.after.tier,
    reason: change.reason,
    ruleSetVersion: decision.ruleSetVersion,
    configurationVersion: decision.configurationVersion,
  }));
}

export function archiveRow({ received: { event }, decision }: DecidedEvent): ArchiveRow {
  return {
    citizenID: event.citizenID,
    month: new Date(event.occurredAt).toISOString().slice(0, 7),
    occurredAt: event.occurredAt,
    eventID: event.eventID,
    eventType: event.eventType,
    eventSubtype: event.eventSubtype,
    sourceSystem: event.sourceSystem,
    region: event.location?.region ?? null,
    payload: JSON.stringify(event.payload),
    scoreDelta: decision.after.raw - decision.before.raw,
    rules: JSON.stringify(decision.changes.map((change) => change.ruleID)),
    late: decision.late ? 1 : 0,
    archivedBecause: decision.archivedBecause ?? null,
    scored: decision.archivedBecause === undefined ? 1 : 0,
  };
}

export function activityRow({ key, window, value }: Windowed<string, Activity>): ActivityRow {
  const { events, byType, milliPoints, minScore, maxScore, lastScore } = value;
  return {
    citizenID: key,
    start: window.start,
    end: window.end,
    events,
    ...byType,
    points: milliPoints / 1_000,
    minScore,
    maxScore,
    lastScore,
  };
}

/** What could not even be read. */
export function refusedRow({ problem, bytes, key, partition, offset }: Refused): DeadLetterRow {
  return { partition, offset, code: problem.code, message: problem.message, key: key ?? null, bytes };
}

/** A good event that can not be scored. */
export function deadLetterRow(
  { event, bytes, partition, offset }: ReceivedEvent,
  problem: EventProblem,
): DeadLetterRow {
  return { partition, offset, code: problem.code, message: problem.message, key: event.citizenID, bytes };
}

export function unknownCitizen({ event }: ReceivedEvent): EventProblem {
  return eventProblem("E_CITIZEN_UNKNOWN", `there is no citizen ${event.citizenID}`);
}

export function conflictingEvent({ event }: ReceivedEvent): EventProblem {
  return eventProblem("E_EVENT_CONFLICT", `event ${event.eventID} came before with other content`);
}
