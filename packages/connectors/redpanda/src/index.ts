/**
 * Millrace on Redpanda and Kafka: topics as sources, sinks and tables, and checkpoints in a topic.
 *
 * @module
 */
export { type CompressionCodec, registerCodec } from "./codecs.js";
export { type GlobalTable, type GlobalTableOptions, globalTable } from "./global-table.js";
export type { BrokerConnection, Compression, DriverFactory, ConsumerEvents, ConsumerOptions, KafkaAdmin, KafkaBatch, KafkaConsumer, KafkaDriver, KafkaLogReader, KafkaMessage, KafkaProducer, KafkaTransactionalProducer, OutgoingMessage, ProducerOptions, TopicOffsets, TopicPartition, TransactionalOptions } from "./kafka-driver.js";
export { kafkajs } from "./kafkajs-driver.js";
export { redpandaCheckpoints, type RedpandaCheckpointsOptions } from "./redpanda-checkpoints.js";
export type { RedpandaConnection } from "./redpanda-options.js";
export { redpandaSink, type RedpandaSinkOptions } from "./redpanda-sink.js";
export { redpandaSource, type RedpandaSourceOptions } from "./redpanda-source.js";
export { deleteTopic, ensureTopic, redpandaTopic, type RedpandaTopicOptions } from "./redpanda-topic.js";
export type { TopicChoice } from "./topic-names.js";
