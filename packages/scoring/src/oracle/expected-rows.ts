import type { Decision } from "../decide/outcome.js";
import type { CitizenEvent } from "../event/event.js";
import type { ContentRow } from "../ports/store-contents.js";

// Written a second time on purpose, apart from the pipeline's rows: a mistake in one of them shows as a difference.

export function rawEventRowOf(event: CitizenEvent): ContentRow {
  const fields: [string, unknown][] = [];
  for (const [name, value] of Object.entries(event.payload)) {
    const isPlain = ["string", "number", "boolean"].includes(typeof value);
    if (isPlain && /^[a-z][a-zA-Z0-9_]{0,40}$/.test(name)) fields.push([`p_${name}`, value]);
  }
  return {
    eventID: event.eventID,
    citizenID: event.citizenID,
    occurredAt: event.occurredAt,
    eventType: event.eventType,
    eventSubtype: event.eventSubtype,
    sourceSystem: event.sourceSystem,
    region: event.location === undefined ? null : event.location.region,
    city: event.location?.city ?? null,
    lat: event.location?.lat ?? null,
    lon: event.location?.lon ?? null,
    fields: JSON.stringify(Object.fromEntries(fields)),
    payload: JSON.stringify(event.payload),
  };
}

export function historyRowsOf(event: CitizenEvent, decision: Decision): ContentRow[] {
  const rows: ContentRow[] = [];
  for (const { ruleID, ruleVersion, delta, reason } of decision.changes) {
    rows.push({
      citizenID: event.citizenID,
      version: decision.version,
      part: rows.length,
      eventID: event.eventID,
      occurredAt: event.occurredAt,
      ruleID,
      ruleVersion,
      delta,
      oldScore: decision.before.score,
      newScore: decision.after.score,
      tier: decision.after.tier,
      reason,
      ruleSetVersion: decision.ruleSetVersion,
      configurationVersion: decision.configurationVersion,
    });
  }
  return rows;
}

export function archiveRowOf(event: CitizenEvent, decision: Decision): ContentRow {
  const date = new Date(event.occurredAt);
  const month = `${date.getUTCFullYear()}-${String(date.getUTCMonth() + 1).padStart(2, "0")}`;
  const rules: string[] = [];
  for (const change of decision.changes) rules.push(change.ruleID);
  return {
    citizenID: event.citizenID,
    month,
    occurredAt: event.occurredAt,
    eventID: event.eventID,
    eventType: event.eventType,
    eventSubtype: event.eventSubtype,
    sourceSystem: event.sourceSystem,
    region: event.location?.region ?? null,
    payload: JSON.stringify(event.payload),
    scoreDelta: decision.after.raw - decision.before.raw,
    rules: JSON.stringify(rules),
    late: decision.late ? 1 : 0,
    archivedBecause: decision.archivedBecause ?? null,
    scored: decision.archivedBecause === undefined ? 1 : 0,
  };
}
