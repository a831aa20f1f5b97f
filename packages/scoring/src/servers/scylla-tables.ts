import type { Duration, Sink } from "@millrace/core";
import { type Row, type ScyllaConnection, scyllaSink, type TableSpec, timeVersion } from "@millrace/scylla";
import type { ContentRow, RuleStateRow } from "../ports/store-contents.js";
import type { ArchiveRow, LateActivityRow } from "../ports/stores.js";

export const RULE_STATE = "rule_application_state";
export const ARCHIVE = "events_archive";
export const LATE_ACTIVITY = "late_activity";

/** The tables of a namespace. The archive's rows expire together with their time window's file. */
export function scyllaTables(archiveTtl: Duration): readonly TableSpec[] {
  return [
    {
      name: RULE_STATE,
      columns: { citizen_id: "text", rule_id: "text", last_event_id: "text", applications: "text" },
      partitionKey: ["citizen_id"],
      clustering: { rule_id: "asc" },
    },
    {
      name: ARCHIVE,
      columns: {
        citizen_id: "text",
        bucket: "text",
        occurred_at: "timestamp",
        event_id: "text",
        event_type: "text",
        event_subtype: "text",
        source_system: "text",
        region: "text",
        payload: "text",
        score_delta: "double",
        rules: "text",
        late: "int",
        archived_because: "text",
        scored: "int",
      },
      partitionKey: ["citizen_id", "bucket"],
      clustering: { occurred_at: "desc", event_id: "asc" },
      ttl: archiveTtl,
      compaction: { window: "60d" },
    },
    {
      name: LATE_ACTIVITY,
      columns: { citizen_id: "text", summary: "text", event_id: "text", occurred_at: "timestamp" },
      partitionKey: ["citizen_id"],
      clustering: { summary: "asc", event_id: "asc" },
      ttl: archiveTtl,
    },
  ];
}

/**
 * The archive. The version is the event's time, and behind it whether the event was scored: so a row that was scored is not replaced by
 * a copy that was archived only, and time windows of compaction are those of the events.
 */
export function archiveSink(connection: ScyllaConnection, keyspace: string): Sink<ArchiveRow> {
  return scyllaSink<ArchiveRow>({
    ...connection,
    keyspace,
    table: ARCHIVE,
    name: "archive",
    row: (row) => ({
      citizen_id: row.citizenID,
      bucket: row.month,
      occurred_at: row.occurredAt,
      event_id: row.eventID,
      event_type: row.eventType,
      event_subtype: row.eventSubtype,
      source_system: row.sourceSystem,
      region: row.region,
      payload: row.payload,
      score_delta: row.scoreDelta,
      rules: row.rules,
      late: row.late,
      // Not null: a row that is scored after all must not keep what an earlier one said, and no tombstone is wanted for it.
      archived_because: row.archivedBecause ?? "",
      scored: row.scored,
    }),
    version: (row) => timeVersion(row.occurredAt ?? undefined, row.scored ?? 0),
  });
}

export function archiveRowOf(row: Row): ArchiveRow {
  return {
    citizenID: textOf(row.citizen_id),
    month: textOf(row.bucket),
    occurredAt: timeOf(row.occurred_at),
    eventID: textOf(row.event_id),
    eventType: textOf(row.event_type),
    eventSubtype: textOf(row.event_subtype),
    sourceSystem: textOf(row.source_system),
    region: textOf(row.region),
    payload: textOf(row.payload),
    scoreDelta: numberOf(row.score_delta),
    rules: textOf(row.rules),
    late: numberOf(row.late),
    archivedBecause: row.archived_because === "" ? null : textOf(row.archived_because),
    scored: numberOf(row.scored),
  };
}

export function lateActivitySink(connection: ScyllaConnection, keyspace: string): Sink<LateActivityRow> {
  return scyllaSink<LateActivityRow>({
    ...connection,
    keyspace,
    table: LATE_ACTIVITY,
    name: "lateActivity",
    row: ({ summary, eventID, citizenID, occurredAt }) => ({
      citizen_id: citizenID,
      summary,
      event_id: eventID,
      occurred_at: occurredAt,
    }),
  });
}

export function lateActivityRowOf(row: Row): LateActivityRow {
  return {
    summary: textOf(row.summary),
    eventID: textOf(row.event_id),
    citizenID: textOf(row.citizen_id),
    occurredAt: timeOf(row.occurred_at),
  };
}

export function ruleStateRowOf(row: Row): RuleStateRow {
  return {
    citizenID: String(row.citizen_id),
    ruleID: String(row.rule_id),
    lastEventID: String(row.last_event_id),
    applications: String(row.applications),
  };
}

type Cell = ContentRow[string];

function textOf(cell: unknown): string | null {
  return cell === null || cell === undefined ? null : String(cell);
}

function numberOf(cell: unknown): Extract<Cell, number> | null {
  return cell === null || cell === undefined ? null : Number(cell);
}

function timeOf(cell: unknown): number | null {
  return cell instanceof Date ? cell.getTime() : numberOf(cell);
}
