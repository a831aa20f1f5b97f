/**
 * Scoring on servers: the ports on Redpanda or Kafka, MongoDB, ScyllaDB or Cassandra, and InfluxDB. An entry of its own, so that the
 * embedded system loads no driver.
 *
 * @module
 */
export type { InfluxRetention } from "./influx-stores.js";
export type { KafkaLog } from "./kafka-log.js";
export type { MongoRulebook } from "./mongo-rulebook.js";
export type { ServerConnections, ServerNames } from "./server-connections.js";
export { ServerPorts, type ServerPortsOptions } from "./server-ports.js";
export { serversFromEnvironment } from "./servers-from-environment.js";
