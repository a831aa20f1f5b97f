/**
 * Millrace on Dgraph: upserts of nodes and edges by external id, a scan of one snapshot, lookups with checked variables, schema.
 *
 * @module
 */
export type { DgraphConnection, DgraphStub, DgraphTimeouts, DgraphTls } from "./dgraph-connection.js";
export { classify as classifyDgraphError, type Phase as DgraphPhase } from "./dgraph-errors.js";
export { type DgraphLookupOptions, dgraphLookup } from "./dgraph-lookup.js";
export { type DgraphQueries, dgraphQueries } from "./dgraph-query.js";
export { type DgraphSinkOptions, dgraphSink } from "./dgraph-sink.js";
export { type DgraphRow, type DgraphSourceOptions, dgraphSource } from "./dgraph-source.js";
export type { DgraphEdge, DgraphNode, DgraphWrite, EdgeOrder, Versioned } from "./dgraph-write.js";
export { type Dql, type DqlUid, type DqlValue, dql, dqlUid } from "./dql.js";
export { type DgraphPredicate, type DgraphSchema, ensureSchema } from "./ensure-schema.js";
export type { DgraphFacet, DgraphGeo, DgraphScalar, DgraphValue } from "./n-quad.js";
export type { PredicateKind } from "./predicate-schema.js";
export type { DgraphEdgeSelection, DgraphSelection } from "./selection.js";
