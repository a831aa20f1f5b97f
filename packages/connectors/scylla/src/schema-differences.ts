import type { Row } from "./cql-session.js";
import { compactionOptions, type TableSpec, ttlSeconds } from "./table-spec.js";

/** In what a table is not as it should be, in words. */
export function tableDifferences(spec: TableSpec, table: Row, columns: readonly Row[]): string[] {
  return [...columnDifferences(spec, columns), ...optionDifferences(spec, table)];
}

function columnDifferences(spec: TableSpec, columns: readonly Row[]): string[] {
  const found: string[] = [];
  const there = new Map(columns.map((column) => [String(column.column_name), column]));
  const clustering = Object.keys(spec.clustering ?? {});
  for (const [name, type] of Object.entries(spec.columns)) {
    const column = there.get(name);
    if (column === undefined) {
      found.push(`column "${name}" is missing`);
      continue;
    }
    if (plainType(String(column.type)) !== plainType(type))
      found.push(`column "${name}" is of type ${column.type}, not ${type}`);
    const place = `${column.kind} ${column.position}`;
    const wanted = placeOf(spec, name, clustering);
    if (place !== wanted) found.push(`column "${name}" is ${placeText(place)}, not ${placeText(wanted)}`);
    const order = spec.clustering?.[name];
    if (order !== undefined && column.kind === "clustering" && String(column.clustering_order) !== order)
      found.push(`column "${name}" is ordered ${column.clustering_order}, not ${order}`);
  }
  // Others are nobody's harm, but in the key they make other rows.
  for (const column of columns)
    if (
      !Object.hasOwn(spec.columns, String(column.column_name)) &&
      (column.kind === "partition_key" || column.kind === "clustering")
    )
      found.push(`column "${column.column_name}" is part of the key, and was not asked for`);
  return found;
}

function optionDifferences(spec: TableSpec, table: Row): string[] {
  const found: string[] = [];
  const ttl = ttlSeconds(spec);
  if (Number(table.default_time_to_live) !== ttl)
    found.push(`rows live ${lifeText(Number(table.default_time_to_live))}, not ${lifeText(ttl)}`);
  if (spec.compaction === undefined) return found;
  const there = table.compaction as ReadonlyMap<string, string>;
  for (const [name, wanted] of Object.entries(compactionOptions(spec.compaction))) {
    const value = there.get(name);
    // The server says it with its package.
    const same = name === "class" ? value === wanted || value?.endsWith(`.${wanted}`) === true : value === wanted;
    if (!same) found.push(`compaction has ${name} ${value ?? "unset"}, not ${wanted}`);
  }
  return found;
}

/** As the server writes types. */
function plainType(type: string): string {
  return type
    .toLowerCase()
    .replaceAll(/\s+/g, "")
    .replaceAll(/\bvarchar\b/g, "text");
}

function placeOf(spec: TableSpec, name: string, clustering: readonly string[]): string {
  const inPartitionKey = spec.partitionKey.indexOf(name);
  if (inPartitionKey !== -1) return `partition_key ${inPartitionKey}`;
  const inClustering = clustering.indexOf(name);
  if (inClustering !== -1) return `clustering ${inClustering}`;
  return spec.static?.includes(name) === true ? "static -1" : "regular -1";
}

function placeText(place: string): string {
  const [kind, position] = place.split(" ");
  if (kind === "partition_key") return `number ${Number(position) + 1} of the partition key`;
  return kind === "clustering" ? `number ${Number(position) + 1} of the clustering order` : `${kind}`;
}

function lifeText(seconds: number): string {
  return seconds === 0 ? "for ever" : `${seconds} s`;
}
