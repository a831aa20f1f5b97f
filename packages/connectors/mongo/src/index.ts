/**
 * Millrace on MongoDB: sinks, sources, change streams, lookups, and checkpoints whose transaction holds the outputs too.
 *
 * @module
 */
export type { MongoConnection } from "./mongo-client.js";
export { type MongoLookupOptions, mongoLookup } from "./mongo-lookup.js";
export { type MongoSinkOptions, mongoSink } from "./mongo-sink.js";
export type { MongoWrite } from "./mongo-write.js";
