import { type Duration, durationMs, requireArgument } from "@millrace/core";
import { checkName, quoted, tableText } from "./table-shape.js";

/** How old values are dropped: by time windows, for tables whose rows all expire and are not changed later; or by another class. */
export type Compaction =
  | { readonly window: Duration }
  | { readonly class: string; readonly options?: Readonly<Record<string, string>> };

/** A table as it should be. */
export interface TableSpec {
  readonly name: string;
  /** Column → CQL type, such as `{ citizen_id: "text", rules: "frozen<list<text>>" }`. */
  readonly columns: Readonly<Record<string, string>>;
  /** The columns that say in which partition a row is. */
  readonly partitionKey: readonly string[];
  /** The columns that order the rows of a partition, in this order. */
  readonly clustering?: Readonly<Record<string, "asc" | "desc">>;
  /** Columns of which a partition has one value. */
  readonly static?: readonly string[];
  /** How long rows live, in whole seconds. Default: for ever. */
  readonly ttl?: Duration;
  /** Default: as the server has it. */
  readonly compaction?: Compaction;
}

const TYPE = /^[A-Za-z0-9_<>, "']{1,500}$/;
const MAX_TTL_SECONDS = 630_720_000;
/** With more windows than this at once every read asks too many files. */
const MAX_WINDOWS = 100;

/** Throws `E_ARGUMENT` where a table can not be so. */
export function checkTableSpec(spec: TableSpec): void {
  checkName(spec.name, "ensureSchema: a table");
  const what = `ensureSchema: table "${spec.name}"`;
  const names = Object.keys(spec.columns);
  requireArgument(names.length > 0, `${what}: it has no columns`);
  for (const name of names) {
    checkName(name, `${what}: a column`);
    const type = spec.columns[name];
    requireArgument(
      typeof type === "string" && TYPE.test(type),
      `${what}: column "${name}" must have a CQL type; it has ${JSON.stringify(type)}`,
    );
  }
  const clustering = Object.keys(spec.clustering ?? {});
  const key = [...spec.partitionKey, ...clustering];
  requireArgument(spec.partitionKey.length > 0, `${what}: partitionKey must name at least one column`);
  requireArgument(
    new Set(key).size === key.length && key.every((name) => Object.hasOwn(spec.columns, name)),
    `${what}: its key must name columns, each once; it names ${key.join(", ")}`,
  );
  for (const [name, order] of Object.entries(spec.clustering ?? {}))
    requireArgument(order === "asc" || order === "desc", `${what}: "${name}" must be ordered "asc" or "desc"`);
  for (const name of spec.static ?? [])
    requireArgument(
      Object.hasOwn(spec.columns, name) && !key.includes(name) && clustering.length > 0,
      `${what}: static column "${name}" must be a column outside of the key, in a table with a clustering order`,
    );
  const ttl = ttlSeconds(spec);
  requireArgument(ttl <= MAX_TTL_SECONDS, `${what}: ttl must be at most 20 years`);
  if (spec.compaction === undefined || !("window" in spec.compaction)) return;
  const windowMs = durationMs(spec.compaction.window, `${what}: compaction.window`);
  requireArgument(windowMs % 60_000 === 0, `${what}: compaction.window must be whole minutes`);
  requireArgument(
    ttl > 0 && ttl * 1_000 <= windowMs * MAX_WINDOWS,
    `${what}: time windows need a ttl of at most ${MAX_WINDOWS} windows: 20 to 50 are good`,
  );
}

export function ttlSeconds({ name, ttl }: TableSpec): number {
  if (ttl === undefined) return 0;
  const seconds = durationMs(ttl, `ensureSchema: table "${name}": ttl`) / 1_000;
  requireArgument(Number.isInteger(seconds), `ensureSchema: table "${name}": ttl must be whole seconds`);
  return seconds;
}

/** The server's words for it. */
export function compactionOptions(compaction: Compaction): Readonly<Record<string, string>> {
  if (!("window" in compaction)) return { class: compaction.class, ...compaction.options };
  const minutes = durationMs(compaction.window, "compaction.window") / 60_000;
  const [unit, size] =
    minutes % 1_440 === 0
      ? ["DAYS", minutes / 1_440]
      : minutes % 60 === 0
        ? ["HOURS", minutes / 60]
        : ["MINUTES", minutes];
  return {
    class: "TimeWindowCompactionStrategy",
    compaction_window_unit: unit as string,
    compaction_window_size: String(size),
  };
}

export function createTable(keyspace: string, spec: TableSpec): string {
  const { name, columns, partitionKey, clustering = {}, compaction } = spec;
  const fixed = new Set(spec.static ?? []);
  const lines = Object.entries(columns).map(
    ([column, type]) => `${quoted(column)} ${type}${fixed.has(column) ? " STATIC" : ""}`,
  );
  const ordered = Object.keys(clustering).map(quoted);
  const key = [`(${partitionKey.map(quoted).join(", ")})`, ...ordered].join(", ");
  const options: string[] = [];
  if (ordered.length > 0)
    options.push(
      `CLUSTERING ORDER BY (${Object.entries(clustering)
        .map(([column, order]) => `${quoted(column)} ${order.toUpperCase()}`)
        .join(", ")})`,
    );
  options.push(`default_time_to_live = ${ttlSeconds(spec)}`);
  if (compaction !== undefined) options.push(`compaction = ${cqlMap(compactionOptions(compaction))}`);
  return `CREATE TABLE IF NOT EXISTS ${tableText({ keyspace, table: name })} (${lines.join(", ")}, PRIMARY KEY (${key})) WITH ${options.join(" AND ")}`;
}

export function cqlMap(entries: Readonly<Record<string, string | number | boolean>>): string {
  const text = (value: string | number | boolean): string =>
    typeof value === "string" ? `'${value.replaceAll("'", "''")}'` : String(value);
  return `{${Object.entries(entries)
    .map(([name, value]) => `${text(name)}: ${text(value)}`)
    .join(", ")}}`;
}
