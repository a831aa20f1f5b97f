/** What a column holds, in the words of `sqliteTable`. */
export type ColumnType = "TEXT" | "INTEGER" | "REAL" | "BLOB";

type ValueOf<C extends ColumnType> = C extends "TEXT" ? string : C extends "BLOB" ? Uint8Array : number;

type Columns = Readonly<Record<string, ColumnType>>;

/** A table: its columns, what makes a row the same row, and which of two contents of a row wins. */
export interface StoreSpec<C extends Columns = Columns> {
  readonly columns: C;
  readonly key: readonly (keyof C & string)[];
  /** A row is replaced only by one with a larger value here. Without: the last one written stays. */
  readonly version?: keyof C & string;
}

export type RowOf<C extends Columns> = { readonly [Name in keyof C]: ValueOf<C[Name]> | null };

const ACTIVITY = {
  columns: {
    citizenID: "TEXT",
    start: "INTEGER",
    end: "INTEGER",
    events: "INTEGER",
    financial: "INTEGER",
    social: "INTEGER",
    online: "INTEGER",
    relationship: "INTEGER",
    points: "REAL",
    minScore: "INTEGER",
    maxScore: "INTEGER",
    lastScore: "INTEGER",
  },
  key: ["citizenID", "start"],
} as const;

/** Every valid event that counts, with the payload's queryable fields (`p_…`) beside its JSON. */
const RAW_EVENTS = {
  columns: {
    eventID: "TEXT",
    citizenID: "TEXT",
    occurredAt: "INTEGER",
    eventType: "TEXT",
    eventSubtype: "TEXT",
    sourceSystem: "TEXT",
    region: "TEXT",
    city: "TEXT",
    lat: "REAL",
    lon: "REAL",
    fields: "TEXT",
    payload: "TEXT",
  },
  key: ["citizenID", "eventID"],
} as const;

/** Every change of every score: one row for each rule that gave something, and for decay, clamp and bounds. */
const HISTORY = {
  columns: {
    citizenID: "TEXT",
    version: "INTEGER",
    part: "INTEGER",
    eventID: "TEXT",
    occurredAt: "INTEGER",
    ruleID: "TEXT",
    ruleVersion: "INTEGER",
    delta: "REAL",
    oldScore: "INTEGER",
    newScore: "INTEGER",
    tier: "TEXT",
    reason: "TEXT",
    ruleSetVersion: "TEXT",
    configurationVersion: "INTEGER",
  },
  key: ["citizenID", "version", "part"],
} as const;

/** Every decided event, for years. A row that was scored is not replaced by a later copy that was archived only. */
const ARCHIVE = {
  columns: {
    citizenID: "TEXT",
    month: "TEXT",
    occurredAt: "INTEGER",
    eventID: "TEXT",
    eventType: "TEXT",
    eventSubtype: "TEXT",
    sourceSystem: "TEXT",
    region: "TEXT",
    payload: "TEXT",
    scoreDelta: "REAL",
    rules: "TEXT",
    late: "INTEGER",
    archivedBecause: "TEXT",
    scored: "INTEGER",
  },
  key: ["citizenID", "month", "occurredAt", "eventID"],
  version: "scored",
} as const;

/** Events that came too late for every window of a summary. */
const LATE_ACTIVITY = {
  columns: { summary: "TEXT", eventID: "TEXT", citizenID: "TEXT", occurredAt: "INTEGER" },
  key: ["summary", "citizenID", "eventID"],
} as const;

/** Messages that could not be used, with the reason and their bytes. */
const DEAD_LETTERS = {
  columns: { partition: "TEXT", offset: "INTEGER", code: "TEXT", message: "TEXT", key: "TEXT", bytes: "BLOB" },
  key: ["partition", "offset"],
} as const;

/**
 * The derived stores: written by sinks, keyed so that a replay changes nothing. Times are milliseconds since the epoch, windows go from
 * `start` to before `end`.
 *
 * @example
 * ```ts
 * import { STORES } from "@millrace/scoring";
 * STORES.history.key; // ["citizenID", "version", "part"]
 * ```
 */
export const STORES: {
  readonly rawEvents: StoreSpec<(typeof RAW_EVENTS)["columns"]>;
  readonly history: StoreSpec<(typeof HISTORY)["columns"]>;
  readonly archive: StoreSpec<(typeof ARCHIVE)["columns"]>;
  readonly hourly: StoreSpec<(typeof ACTIVITY)["columns"]>;
  readonly rollingDay: StoreSpec<(typeof ACTIVITY)["columns"]>;
  readonly lateActivity: StoreSpec<(typeof LATE_ACTIVITY)["columns"]>;
  readonly deadLetters: StoreSpec<(typeof DEAD_LETTERS)["columns"]>;
} = {
  rawEvents: RAW_EVENTS,
  history: HISTORY,
  archive: ARCHIVE,
  hourly: ACTIVITY,
  rollingDay: ACTIVITY,
  lateActivity: LATE_ACTIVITY,
  deadLetters: DEAD_LETTERS,
};

/** The name of one of the {@link STORES}. */
export type StoreName = keyof typeof STORES;

/**
 * The names of all {@link STORES}.
 *
 * @example
 * ```ts
 * import { STORE_NAMES, STORES } from "@millrace/scoring";
 * for (const name of STORE_NAMES) console.log(name, Object.keys(STORES[name].columns));
 * ```
 */
export const STORE_NAMES: readonly StoreName[] = Object.keys(STORES) as StoreName[];

/** A row of one of the stores. */
export type StoreRow<Name extends StoreName> = RowOf<(typeof STORES)[Name]["columns"]>;

export type RawEventRow = StoreRow<"rawEvents">;
export type HistoryRow = StoreRow<"history">;
export type ArchiveRow = StoreRow<"archive">;
export type ActivityRow = StoreRow<"hourly">;
export type LateActivityRow = StoreRow<"lateActivity">;
export type DeadLetterRow = StoreRow<"deadLetters">;

/** A row's key as text. */
export function rowKey(name: StoreName, row: Readonly<Record<string, unknown>>): string {
  return STORES[name].key.map((column) => String(row[column])).join("\u0000");
}
