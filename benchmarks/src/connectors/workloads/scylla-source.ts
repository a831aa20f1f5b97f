import { from } from "@millrace/core";
import { scyllaSource } from "@millrace/scylla";
import type { Client, types } from "cassandra-driver";
import type { BenchEvent } from "../bench-event.js";
import { AmountSum, type ConnectorBench } from "../connector-bench.js";
import type { Contents } from "../contents.js";
import {
  CONSISTENCY,
  contactPoints,
  createTable,
  dataCenter,
  dropTable,
  eventOf,
  KEYSPACE,
  withClient,
  writeBatches,
} from "../scylla-table.js";

/** As the source's defaults. */
const SPLITS = 16;
const AT_ONCE = 8;
const PAGE_SIZE = 500;
const RING_SIZE = 2n ** 64n;
const FIRST_TOKEN = -(2n ** 63n);

async function fill(table: string, values: readonly BenchEvent[]): Promise<void> {
  await createTable(table);
  await withClient((client) => writeBatches(client, table, values));
}

function loop(table: string): Promise<Contents> {
  return withClient(async (client) => {
    const sum = new AmountSum();
    const bounds = Array.from({ length: SPLITS + 1 }, (_, i) => FIRST_TOKEN + (RING_SIZE * BigInt(i)) / BigInt(SPLITS));
    const splits = bounds.slice(1).map((end, i) => [bounds[i] as bigint, end - 1n] as const);
    const worker = async (): Promise<void> => {
      for (let split = splits.pop(); split !== undefined; split = splits.pop()) await scan(client, table, split, sum);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    return sum.contents;
  });
}

async function scan(
  client: Client,
  table: string,
  [first, last]: readonly [bigint, bigint],
  sum: AmountSum,
): Promise<void> {
  const query = `SELECT * FROM ${KEYSPACE}.${table} WHERE token(citizen_id) >= ? AND token(citizen_id) <= ?`;
  let pageState: string | undefined;
  do {
    const page: types.ResultSet = await client.execute(query, [String(first), String(last)], {
      prepare: true,
      isIdempotent: true,
      consistency: CONSISTENCY,
      fetchSize: PAGE_SIZE,
      ...(pageState === undefined ? {} : { pageState }),
    });
    for (const row of page.rows) sum.add(eventOf(row));
    pageState = page.pageState ?? undefined;
  } while (pageState !== undefined);
}

async function millrace(table: string): Promise<Contents> {
  const sum = new AmountSum();
  const source = scyllaSource<BenchEvent>({
    contactPoints: contactPoints(),
    localDataCenter: dataCenter(),
    keyspace: KEYSPACE,
    table,
    row: eventOf,
  });
  await from(source).forEach(sum.add);
  return sum.contents;
}

export const bench: ConnectorBench = { kind: "source", fill, contenders: { loop, millrace }, drop: dropTable };
