import { CheckpointWriter } from "../checkpoints/checkpoint-writer.js";
import { TableRows } from "../table/table-rows.js";
import { commitPositions, forgetGroup } from "../topic/group-positions.js";
import { TopicLog } from "../topic/topic-log.js";
import { defineTopic } from "../topic/topic-tables.js";
import { type Connection, openWriter } from "./database.js";
import { explain, type Failure } from "./failure.js";
import type { CallArgument, CallName, CallResult, FileCalls } from "./file-calls.js";

interface OpenFile {
  readonly db: Connection;
  readonly topics: TopicLog;
  readonly tables: TableRows;
  readonly checkpoints: CheckpointWriter;
}

/** The one writer of a database file in this process. */
export class FileOwner {
  #path = "";
  #open: OpenFile | undefined;

  /** Does what was asked; a failure is thrown as plain data. */
  do<N extends CallName>(name: N, argument: CallArgument<N>): CallResult<N> {
    try {
      return (this.#calls[name] as (call: CallArgument<N>) => CallResult<N>)(argument);
    } catch (error) {
      throw explain(error, this.#path) satisfies Failure;
    }
  }

  readonly #calls: FileCalls = {
    open: ({ path }) => {
      this.#path = path;
      const db = openWriter(path);
      const topics = new TopicLog(db, path);
      const tables = new TableRows(db, path);
      this.#open = { db, topics, tables, checkpoints: new CheckpointWriter(db, path, topics, tables) };
    },
    ping: () => {
      this.#file.db.prepare("SELECT count(*) FROM sqlite_schema").get();
    },
    limit: ({ bytes }) => {
      const { db } = this.#file;
      db.pragma(
        `max_page_count = ${Math.max(1, Math.floor(bytes / (db.pragma("page_size", { simple: true }) as number)))}`,
      );
    },
    defineTopic: ({ name, partitions }) => defineTopic(this.#file.db, this.#path, name, partitions),
    append: (call) => this.#file.topics.append(call),
    openWriter: (call) => this.#file.topics.openWriter(call),
    flushWriter: (call) => this.#file.topics.flushWriter(call),
    purge: (call) => this.#file.topics.purge(call),
    commitPositions: (call) => commitPositions(this.#file.db, call),
    forgetGroup: ({ topic, group }) => forgetGroup(this.#file.db, topic, group),
    defineTable: ({ plan }) => this.#file.tables.define(plan),
    upsert: (call) => this.#file.tables.upsert(call),
    rehearse: (call) => this.#file.tables.rehearse(call),
    defineCheckpoints: () => this.#file.checkpoints.define(),
    lease: (call) => this.#file.checkpoints.lease(call),
    release: (call) => this.#file.checkpoints.release(call),
    latestEpoch: (call) => this.#file.checkpoints.latestEpoch(call),
    page: (call) => this.#file.checkpoints.page(call),
    stage: (call) => this.#file.checkpoints.stage(call),
    commit: (call) => this.#file.checkpoints.commit(call),
    close: () => {
      this.#open?.checkpoints.close();
      this.#open?.db.close();
      this.#open = undefined;
    },
  };

  get #file(): OpenFile {
    if (this.#open === undefined) throw new Error("the file is not open");
    return this.#open;
  }
}
