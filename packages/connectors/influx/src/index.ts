/**
 * Millrace on InfluxDB 2 (and 3's write endpoint): a sink that loses no point, a source paged by time, queries with safe parameters.
 *
 * @module
 */
export { bucketRetention, ensureBucket } from "./ensure-bucket.js";
export { type FluxRow, flux, fluxRows } from "./flux.js";
export { type FluxSourceOptions, fluxSource } from "./flux-source.js";
export type { InfluxConnection } from "./influx-client.js";
export { type InfluxSinkOptions, influxSink } from "./influx-sink.js";
export { encodePoint, type FieldValue, type Point } from "./line-protocol.js";
