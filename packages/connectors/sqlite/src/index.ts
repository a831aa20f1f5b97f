/**
 * Millrace on SQLite: durable topics, checkpoints and tables in one file, for a single machine and no server.
 *
 * @module
 */

export type { SqliteCode } from "./file/failure.js";
export {
  type SqliteCheckpointConnection,
  type SqliteCheckpoints,
  type SqliteCheckpointsOptions,
  sqliteCheckpoints,
} from "./sqlite-checkpoints.js";
export {
  type ColumnKey,
  type ColumnValue,
  type SqliteTable,
  type SqliteTableOptions,
  sqliteTable,
  type TableColumns,
  type TableRow,
} from "./sqlite-table.js";
export { type MessagePlace, type SqliteTopic, sqliteTopic, type TopicDescription } from "./sqlite-topic.js";
export type { TableLookupOptions } from "./table/table-lookup.js";
export type { ColumnType } from "./table/table-plan.js";
export type { TableSinkOptions } from "./table/table-sink.js";
export type { SqliteTopicOptions, TopicRetention } from "./topic/topic-settings.js";
export type { TopicSinkOptions } from "./topic/topic-sink.js";
export type { TopicSourceOptions } from "./topic/topic-source.js";
