import type { Health } from "@millrace/core";
import type { CellParam } from "./cell-bytes.js";
import type { CellType } from "./cell-type.js";

/** A row with plain JavaScript values: see the README for what each type becomes. */
export type Row = Readonly<Record<string, unknown>>;

/** How one request is made. Nothing is retried, and nothing is sent twice to be faster. */
export interface CallOptions {
  readonly consistency: number;
  /** The time of a write, in microseconds, where its statements have none of their own. */
  readonly timestamp?: number;
  /** Of a conditional write. */
  readonly serialConsistency?: number;
  /** Rows of a page. */
  readonly pageSize?: number;
  /** Goes on behind this page. */
  readonly pageState?: string;
  /** A token whose replicas should answer. */
  readonly near?: bigint;
}

/** A statement and its values. */
export interface BoundStatement {
  readonly query: string;
  readonly params: readonly CellParam[];
}

/** What came back. */
export interface Answer {
  readonly rows: readonly Row[];
  /** Undefined: that was the last page. */
  readonly pageState: string | undefined;
}

/** Rows with a column of tokens, which is not in them. Each is made when it is asked for, anew every time. */
export interface Page {
  readonly size: number;
  row(i: number): Row;
  token(i: number): bigint;
  /** Undefined: that was the last page. */
  readonly pageState: string | undefined;
}

export interface TableColumn {
  readonly name: string;
  readonly type: CellType;
  /** One for all rows of a partition. */
  readonly isStatic?: boolean;
}

/** What the server says a table is. */
export interface TableShape {
  readonly keyspace: string;
  readonly table: string;
  readonly columns: readonly TableColumn[];
  readonly partitionKey: readonly string[];
  readonly clusteringKey: readonly string[];
  readonly compaction: string;
}

/** A CQL client behind what Millrace needs of one. Errors are the client's own: `classify` knows them. */
export interface CqlSession {
  execute(statement: BoundStatement, options: CallOptions): Promise<Answer>;
  /** Rows of which the first column is their token. */
  page(statement: BoundStatement, options: CallOptions): Promise<Page>;
  /** Statements of one partition, unlogged: all of them are applied, or none. */
  batch(statements: readonly BoundStatement[], options: CallOptions): Promise<Answer>;
  /** Undefined where there is no such keyspace or table. */
  shape(keyspace: string, table: string): Promise<TableShape | undefined>;
  /** The tokens at which a node's part of the ring ends; none where the client does not know. */
  ring(): readonly bigint[];
  /** Some host is up, as far as the client knows. */
  reachable(): boolean;
  health(): Promise<Health>;
  close(): Promise<void>;
}
