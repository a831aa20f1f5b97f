/**
 * Millrace on Redpanda and Kafka: topics as sources and sinks.
 *
 * @module
 */
export { type CompressionCodec, registerCodec } from "./codecs.js";
export type { BrokerConnection, Compression, DriverFactory, KafkaAdmin, KafkaConsumer, KafkaDriver, KafkaProducer } from "./kafka-driver.js";
export { kafkajs } from "./kafkajs-driver.js";
export { redpandaCheckpoints, type RedpandaCheckpointsOptions } from "./redpanda-checkpoints.js";
export type { RedpandaConnection } from "./redpanda-options.js";
export { redpandaSink, type RedpandaSinkOptions } from "./redpanda-sink.js";
export { redpandaSource, type RedpandaSourceOptions } from "./redpanda-source.js";
export { deleteTopic, ensureTopic, redpandaTopic, type RedpandaTopicOptions } from "./redpanda-topic.js";
