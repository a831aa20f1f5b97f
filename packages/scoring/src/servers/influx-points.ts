import type { FluxRow, Point } from "@millrace/influx";
import { subMillisecond } from "@millrace/influx";
import type { ContentRow } from "../ports/store-contents.js";
import { rowKey, STORES, type StoreName } from "../ports/stores.js";

/** How a store lies in InfluxDB. Columns that are neither tag nor time are fields. */
interface Measurement {
  readonly bucket: "rawEvents" | "derivedMetrics";
  readonly measurement: string;
  readonly tags: readonly string[];
  readonly time: string;
  /** Rows of one series and millisecond are told apart by nanoseconds made from their key; windows need none. */
  readonly spread: boolean;
}

/** The stores that are kept in InfluxDB. */
export type InfluxStore = "rawEvents" | "history" | "hourly" | "rollingDay";

export const MEASUREMENTS: Readonly<Record<InfluxStore, Measurement>> = {
  rawEvents: {
    bucket: "rawEvents",
    measurement: "raw_events",
    tags: ["citizenID", "eventType", "region"],
    time: "occurredAt",
    spread: true,
  },
  history: {
    bucket: "derivedMetrics",
    measurement: "score_change_history",
    tags: ["citizenID", "ruleID", "tier"],
    time: "occurredAt",
    spread: true,
  },
  hourly: {
    bucket: "derivedMetrics",
    measurement: "citizen_activity_hourly",
    tags: ["citizenID"],
    time: "start",
    spread: false,
  },
  rollingDay: {
    bucket: "derivedMetrics",
    measurement: "citizen_activity_rolling_day",
    tags: ["citizenID"],
    time: "start",
    spread: false,
  },
};

export const INFLUX_STORES: readonly InfluxStore[] = Object.keys(MEASUREMENTS) as InfluxStore[];

export function isInfluxStore(name: StoreName): name is InfluxStore {
  return Object.hasOwn(MEASUREMENTS, name);
}

const NS_PER_MS = 1_000_000n;
/** What line protocol can not carry in a tag as it is: then a field has the exact text beside it. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that are meant
const UNFIT_FOR_TAG = /[\x00-\x1f\\]/;
const EXACT = "_exact";

/** The point of a row: the same one each time, so that a replay writes it over itself. */
export function pointOf(store: InfluxStore, row: ContentRow): Point {
  const { measurement, tags, time, spread } = MEASUREMENTS[store];
  const { columns } = STORES[store] as { readonly columns: Readonly<Record<string, string>> };
  const tagValues: Record<string, string> = {};
  const fields: Record<string, string | number | bigint | boolean> = {};
  for (const [column, type] of Object.entries(columns)) {
    const value = row[column];
    if (column === time || value === null || value === undefined) continue;
    if (tags.includes(column)) {
      const text = String(value);
      tagValues[column] = text;
      if (UNFIT_FOR_TAG.test(text)) fields[column + EXACT] = text;
    } else fields[column] = type === "INTEGER" ? BigInt(value as number) : (value as string | number);
  }
  if (store === "rawEvents") Object.assign(fields, queryableFields(row.fields));
  const within = spread ? BigInt(subMillisecond(rowKey(store, row))) : 0n;
  return { measurement, tags: tagValues, fields, time: BigInt(row[time] as number) * NS_PER_MS + within };
}

/** The row of a point, from a query that has made columns of fields. */
export function rowOf(store: InfluxStore, point: FluxRow): ContentRow {
  const { time } = MEASUREMENTS[store];
  const { columns } = STORES[store] as { readonly columns: Readonly<Record<string, string>> };
  const row = Object.entries(columns).map(([column, type]) => {
    if (column === time) return [column, millisecondsOf(String(point._time))];
    const exact = point[column + EXACT];
    const value = typeof exact === "string" && exact !== "" ? exact : point[column];
    if (value === undefined || value === null) return [column, null];
    // The answer does not tell an empty text from none; scoring has no empty ones.
    if (type === "TEXT") return [column, value === "" ? null : String(value)];
    return [column, Number(value)];
  });
  return Object.fromEntries(row) as ContentRow;
}

/** Cut to milliseconds: what is behind them is not an event's time. */
function millisecondsOf(time: string): number {
  return Date.parse(time.replace(/(\.\d{3})\d+/, "$1"));
}

/**
 * The payload's plain values as fields of their own. A field has one type for ever, and senders are free in theirs: so numbers are
 * `p_NAME`, texts `ps_NAME`, booleans `pb_NAME`.
 */
function queryableFields(json: unknown): Record<string, string | number | boolean> {
  const fields: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(parsed(json))) {
    if (!name.startsWith("p_")) continue;
    if (typeof value === "number") fields[name] = value;
    else if (typeof value === "string") fields[`ps_${name.slice(2)}`] = value;
    else if (typeof value === "boolean") fields[`pb_${name.slice(2)}`] = value;
  }
  return fields;
}

function parsed(json: unknown): object {
  try {
    const value: unknown = JSON.parse(String(json));
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}
