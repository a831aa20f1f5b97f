import { from } from "@millrace/core";
import { scyllaSink } from "@millrace/scylla";
import cassandra from "cassandra-driver";
import type { BenchEvent } from "../bench-event.js";
import type { ConnectorBench } from "../connector-bench.js";
import { type Contents, contentsOf } from "../contents.js";
import {
  CONSISTENCY,
  contactPoints,
  createTable,
  dataCenter,
  dropTable,
  eventOf,
  insertInto,
  KEYSPACE,
  paramsOf,
  SCYLLA_BATCH,
  withClient,
  writeBatches,
} from "../scylla-table.js";

const AT_ONCE = 64;

function loop(table: string, values: readonly BenchEvent[]): Promise<void> {
  return withClient((client) => writeBatches(client, table, values));
}

async function millrace(table: string, values: readonly BenchEvent[]): Promise<void> {
  const sink = scyllaSink<BenchEvent>({
    contactPoints: contactPoints(),
    localDataCenter: dataCenter(),
    keyspace: KEYSPACE,
    table,
    row: ({ citizenID, at, id, kind, amount, note }) => ({ citizen_id: citizenID, at, id, kind, amount, note }),
  });
  await from(values)
    .to(sink, { batch: { size: SCYLLA_BATCH } })
    .run();
}

function writer(table: string, values: readonly BenchEvent[]): Promise<void> {
  return withClient(async (client) => {
    const options = { concurrencyLevel: AT_ONCE, prepare: true, isIdempotent: true };
    await cassandra.concurrent.executeConcurrent(client, insertInto(table), values.map(paramsOf), options);
  });
}

function one(table: string, values: readonly BenchEvent[]): Promise<void> {
  return withClient(async (client) => {
    const query = insertInto(table);
    for (const value of values)
      await client.execute(query, paramsOf(value), { prepare: true, isIdempotent: true, consistency: CONSISTENCY });
  });
}

function text({ id, citizenID, kind, amount, at, note }: BenchEvent): string {
  return [id, citizenID, kind, amount, at, note].join(" ");
}

function contents(table: string): Promise<Contents> {
  return withClient(async (client) => {
    const texts: string[] = [];
    const result = await client.execute(`SELECT * FROM ${KEYSPACE}.${table}`, [], { prepare: true });
    for await (const row of result) texts.push(text(eventOf(row)));
    return contentsOf(texts);
  });
}

export const bench: ConnectorBench = {
  kind: "sink",
  create: createTable,
  contenders: { loop, millrace, writer, await: one },
  text,
  contents,
  drop: dropTable,
};
