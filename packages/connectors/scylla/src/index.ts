/**
 * Millrace on ScyllaDB and Cassandra: a sink, a scan, lookups and conditional writes.
 *
 * @module
 */
export type { ConditionalWrite, InsertIfNotExists, UpdateIf } from "./conditional-statements.js";
export type { Consistency, SerialConsistency } from "./consistency.js";
export type { Row } from "./cql-session.js";
export { ensureSchema, type SchemaReport, type SchemaSpec } from "./ensure-schema.js";
export type { World } from "./outside-world.js";
export type { Nulls } from "./row-statements.js";
export {
  type ConditionalCall,
  type ConditionalResult,
  type ScyllaConditional,
  type ScyllaConditionalOptions,
  scyllaConditional,
} from "./scylla-conditional.js";
export type { ScyllaConnection } from "./scylla-connection.js";
export { classify as classifyScyllaError } from "./scylla-errors.js";
export { type ScyllaLookupOptions, scyllaLookup, scyllaPartitionLookup } from "./scylla-lookup.js";
export { type ScyllaSinkOptions, scyllaSink } from "./scylla-sink.js";
export { type ScyllaSourceOptions, scyllaSource } from "./scylla-source.js";
export type { Compaction, TableSpec } from "./table-spec.js";
export { timeVersion, type VersionContext } from "./write-version.js";
