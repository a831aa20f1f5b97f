import { requireArgument } from "@millrace/core";
import type { BrokerConnection, DriverFactory, KafkaDriver } from "./kafka-driver.js";
import { kafkajs } from "./kafkajs-driver.js";

/** Where the brokers are, and by which client they are reached (kafkajs). */
export interface RedpandaConnection extends BrokerConnection {
  readonly driver?: DriverFactory;
}

export function driverOf(connection: RedpandaConnection, what: string): KafkaDriver {
  requireArgument(
    Array.isArray(connection.brokers) && connection.brokers.length > 0,
    `${what}: brokers must name at least one broker, such as ["127.0.0.1:9092"]`,
  );
  return (connection.driver ?? kafkajs())(connection);
}
