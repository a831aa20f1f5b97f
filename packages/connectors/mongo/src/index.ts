/**
 * Millrace on MongoDB: sinks, sources, change streams, lookups, and checkpoints whose transaction holds the outputs too.
 *
 * @module
 */
export {
  type CollectionSchema,
  type DatabaseSchema,
  type EnsureSchemaOptions,
  ensureSchema,
  type SchemaDifference,
} from "./ensure-schema.js";
export type { MongoChange } from "./mongo-change.js";
export { type MongoChangesOptions, mongoChanges } from "./mongo-changes.js";
export { type MongoCheckpointsOptions, mongoCheckpoints } from "./mongo-checkpoints.js";
export type { MongoConnection } from "./mongo-connection.js";
export { classifyMongoError } from "./mongo-errors.js";
export { type MongoLookupOptions, mongoLookup } from "./mongo-lookup.js";
export { type MongoSinkOptions, mongoSink } from "./mongo-sink.js";
export { type MongoSourceOptions, mongoSource } from "./mongo-source.js";
export type { MongoWrite } from "./mongo-write.js";
