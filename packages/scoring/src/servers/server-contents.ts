import { from } from "@millrace/core";
import { type Row, scyllaSource } from "@millrace/scylla";
import type { ContentName, ContentRow, StoreContents } from "../ports/store-contents.js";
import { rowKey, type StoreName } from "../ports/stores.js";
import { isInfluxStore } from "./influx-points.js";
import { influxRows } from "./influx-stores.js";
import type { KafkaLog } from "./kafka-log.js";
import { deadLetterRowOf } from "./kafka-topics.js";
import type { MongoCitizens } from "./mongo-citizens.js";
import {
  ARCHIVE,
  archiveRowOf,
  LATE_ACTIVITY,
  lateActivityRowOf,
  RULE_STATE,
  ruleStateRowOf,
} from "./scylla-tables.js";
import type { ServerConnections, ServerNames } from "./server-connections.js";

/** Reads whole stores as they lie on the servers, without going through what wrote them. */
export class ServerContents implements StoreContents {
  readonly #servers: ServerConnections;
  readonly #names: ServerNames;
  readonly #citizens: MongoCitizens;
  readonly #log: KafkaLog;

  constructor(servers: ServerConnections, names: ServerNames, citizens: MongoCitizens, log: KafkaLog) {
    this.#servers = servers;
    this.#names = names;
    this.#citizens = citizens;
    this.#log = log;
  }

  rows(name: ContentName): AsyncIterable<ContentRow> {
    if (name === "snapshots") return this.#citizens.rows();
    if (name === "ruleState") return this.#scan(RULE_STATE, ruleStateRowOf);
    if (isInfluxStore(name)) return influxRows(name, this.#servers.influx, this.#names);
    return this.#others(name);
  }

  #others(name: StoreName): AsyncIterable<ContentRow> {
    if (name === "archive") return this.#scan(ARCHIVE, archiveRowOf);
    if (name === "lateActivity") return this.#scan(LATE_ACTIVITY, lateActivityRowOf);
    return this.#deadLetters();
  }

  /** A message without an answer may be there twice: the first one counts, they are the same. */
  async *#deadLetters(): AsyncGenerator<ContentRow> {
    const seen = new Set<string>();
    for await (const message of this.#log.messages(this.#names.deadLetters)) {
      const row = deadLetterRowOf(message);
      const key = rowKey("deadLetters", row);
      if (seen.has(key)) continue;
      seen.add(key);
      yield { ...row };
    }
  }

  async *#scan<R extends ContentRow>(table: string, row: (row: Row) => R): AsyncGenerator<R> {
    const source = scyllaSource<R>({ ...this.#servers.scylla, keyspace: this.#names.keyspace, table, row });
    for await (const each of from(source)) yield each;
  }
}
