/**
 * Millrace on ScyllaDB and Cassandra: a sink, a scan, lookups and conditional writes.
 *
 * @module
 */
export {};
