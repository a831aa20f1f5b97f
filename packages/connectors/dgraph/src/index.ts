/**
 * Millrace on Dgraph: upserts of nodes and edges by external id, a scan of one snapshot, lookups with checked variables, schema.
 *
 * @module
 */
export {};
