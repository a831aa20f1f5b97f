/**
 * Millrace on ScyllaDB and Cassandra: a sink, a scan, lookups and conditional writes.
 *
 * @module
 */
export type { Consistency, SerialConsistency } from "./consistency.js";
export type { Row } from "./cql-session.js";
export type { Nulls } from "./row-statements.js";
export type { ScyllaConnection } from "./scylla-connection.js";
export { type ScyllaSinkOptions, scyllaSink } from "./scylla-sink.js";
export { type ScyllaSourceOptions, scyllaSource } from "./scylla-source.js";
export { timeVersion, type VersionContext } from "./write-version.js";
