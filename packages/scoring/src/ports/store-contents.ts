import type { RuleApplications } from "../decide/rule-limits.js";
import type { ScoreSnapshot } from "../decide/score-snapshot.js";
import type { StoreName } from "./stores.js";

/** A citizen's score as it is compared. */
export interface SnapshotRow extends ContentRow {
  readonly citizenID: string;
  readonly score: number;
  readonly raw: number;
  readonly tier: string;
  readonly lastCalculated: number | null;
  readonly lastEventAt: number | null;
  readonly version: number;
  readonly partition: string | null;
  readonly offset: number | null;
}

/** The applications of a rule to a citizen as they are compared: JSON of `{ eventID, at }[]`. */
export interface RuleStateRow extends ContentRow {
  readonly citizenID: string;
  readonly ruleID: string;
  readonly lastEventID: string;
  readonly applications: string;
}

/** Everything a comparison looks at. */
export type ContentName = "snapshots" | "ruleState" | StoreName;

/** A row of any store, as plain values. */
export interface ContentRow {
  readonly [column: string]: string | number | Uint8Array | null;
}

/** Reads whole stores, for comparison and reports. */
export interface StoreContents {
  rows(name: ContentName): AsyncIterable<ContentRow> | Iterable<ContentRow>;
}

export function snapshotRow(citizenID: string, snapshot: ScoreSnapshot): SnapshotRow {
  const { score, raw, tier, lastCalculated, lastEventAt, version, source } = snapshot;
  return {
    citizenID,
    score,
    raw,
    tier,
    lastCalculated: lastCalculated ?? null,
    lastEventAt: lastEventAt ?? null,
    version,
    partition: source?.partition ?? null,
    offset: source?.offset ?? null,
  };
}

export function ruleStateRow(
  citizenID: string,
  ruleID: string,
  { lastEventID, applications }: RuleApplications,
): RuleStateRow {
  return { citizenID, ruleID, lastEventID, applications: JSON.stringify(applications) };
}
