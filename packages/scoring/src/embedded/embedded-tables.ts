import type { Sink } from "@millrace/core";
import { sqliteTable } from "@millrace/sqlite";
import type { StoreSinks } from "../ports/scoring-ports.js";
import { STORE_NAMES, STORES, type StoreName } from "../ports/stores.js";

/** The tables' names in the file. */
export const TABLE_NAMES: Readonly<Record<StoreName, string>> = {
  rawEvents: "raw_events",
  history: "score_change_history",
  archive: "events_archive",
  hourly: "citizen_activity_hourly",
  rollingDay: "citizen_activity_rolling_day",
  lateActivity: "late_activity",
  deadLetters: "dead_letters",
};

/** The derived stores as tables of one SQLite file. */
export function embeddedSinks(file: string): StoreSinks {
  const sinks = STORE_NAMES.map((name): [StoreName, Sink<never>] => {
    const { columns, key, version } = STORES[name];
    const options = { file, table: TABLE_NAMES[name], columns, key: key as readonly never[] };
    const table = sqliteTable(version === undefined ? options : { ...options, version: version as never });
    return [name, table.sink({ row: (row) => row, name }) as Sink<never>];
  });
  return Object.fromEntries(sinks) as unknown as StoreSinks;
}
