/**
 * Millrace on Redpanda and Kafka: topics as sources, sinks and tables, and checkpoints in a topic.
 *
 * @module
 */
export { type GlobalTable, type GlobalTableOptions, globalTable } from "./global-table.js";
export type {
  BrokerConnection,
  Compression,
  ConsumedBatch,
  ConsumerEvents,
  ConsumerOptions,
  DriverFactory,
  KafkaAdmin,
  KafkaBatch,
  KafkaConsumer,
  KafkaDriver,
  KafkaLogReader,
  KafkaMessage,
  KafkaProducer,
  KafkaTransactionalProducer,
  OutgoingMessage,
  PackedMessages,
  ProducerOptions,
  TopicOffsets,
  TopicPartition,
  TransactionalOptions,
  TransactionalSend,
} from "./kafka-driver.js";
export { type CompressionCodec, registerCodec } from "./kafkajs-codecs.js";
export { kafkajs } from "./kafkajs-driver.js";
export { type RedpandaCheckpointsOptions, redpandaCheckpoints } from "./redpanda-checkpoints.js";
export { classify as classifyRedpandaError } from "./redpanda-errors.js";
export type { RedpandaConnection } from "./redpanda-options.js";
export { type RedpandaSinkOptions, redpandaSink } from "./redpanda-sink.js";
export { redpandaSource } from "./redpanda-source.js";
export { deleteTopic, ensureTopic, type RedpandaTopicOptions, redpandaTopic } from "./redpanda-topic.js";
export type { RedpandaSourceOptions } from "./source-options.js";
export type { TopicChoice } from "./topic-names.js";
