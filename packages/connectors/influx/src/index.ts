/**
 * Millrace on InfluxDB 2 (and 3's write endpoint): a sink that loses no point, a source paged by time, queries with safe parameters.
 *
 * @module
 */
export type { FluxRow } from "./annotated-csv.js";
export { bucketRetention, deleteBucket, ensureBucket } from "./buckets.js";
export { type FluxParameter, type FluxQuery, flux } from "./flux.js";
export { fluxQuery } from "./flux-rows.js";
export { type FluxSourceOptions, fluxSource } from "./flux-source.js";
export type { InfluxConnection, InfluxTls } from "./influx-connection.js";
export { classify as classifyInfluxError } from "./influx-errors.js";
export { type InfluxSinkOptions, influxSink } from "./influx-sink.js";
export { encodePoint, type FieldValue, type Point, subMillisecond } from "./line-protocol.js";
