import type { Contender } from "./connector-bench.js";
import type { ServerName } from "./servers.js";

/** One question put to the contenders of a connector. Its code is in `workloads/ID.ts`. */
export interface ConnectorWorkload {
  readonly id: string;
  readonly title: string;
  readonly server: ServerName;
  readonly contenders: readonly Contender[];
  /** What the contenders other than ours do, for the page. */
  readonly says: Readonly<Partial<Record<Contender, string>>>;
  /** Values of a run. */
  readonly full: number;
  readonly quick: number;
  /** For contenders that take too long. */
  readonly fewer?: Readonly<Partial<Record<Contender, number>>>;
}

const ALL: readonly Contender[] = ["loop", "millrace", "writer", "await"];
const TWO: readonly Contender[] = ["loop", "millrace"];

export const WORKLOADS: readonly ConnectorWorkload[] = [
  {
    id: "redpanda-source",
    title: "topic of 6 partitions → JSON → discard",
    server: "kafka",
    contenders: TWO,
    says: { loop: "kafkajs `eachBatch`, `JSON.parse` of each value" },
    full: 300_000,
    quick: 10_000,
  },
  {
    id: "redpanda-sink",
    title: "JSON → topic of 6 partitions, 1,000 values a batch, one partition a send",
    server: "kafka",
    contenders: ALL,
    says: {
      loop: "batches of 1,000, sorted by partition, a `producer.send` for each",
      writer: "`producer.sendBatch` of 1,000, kafkajs finds the partitions",
      await: "`await producer.send` of one message",
    },
    full: 300_000,
    quick: 4_000,
    fewer: { await: 500 },
  },
  {
    id: "mongo-source",
    title: "collection in the order of `_id` → discard",
    server: "mongo",
    contenders: TWO,
    says: { loop: "`for await` over `find().sort({ _id: 1 })`" },
    full: 10_000,
    quick: 2_000,
  },
  {
    id: "mongo-sink",
    title: "upserts by `_id`, 1,000 a bulk write, majority and journal",
    server: "mongo",
    contenders: ALL,
    says: {
      loop: "`collection.bulkWrite` of 1,000, unordered",
      writer: "`initializeUnorderedBulkOp()`, 1,000 a time",
      await: "`await collection.updateOne` each",
    },
    full: 12_000,
    quick: 500,
    fewer: { await: 100 },
  },
  {
    id: "influx-source",
    title: "field of a bucket, 10,000 rows a query → discard",
    server: "influx",
    contenders: ["loop", "millrace", "writer"],
    says: {
      loop: "the same pages by `queryApi.iterateLines`, rows by `split`",
      writer: "the same pages by `queryApi.iterateRows`",
    },
    full: 200_000,
    quick: 4_000,
  },
  {
    id: "influx-sink",
    title: "points, 5,000 a request, compressed",
    server: "influx",
    contenders: ALL,
    says: {
      loop: "line protocol by a template, `transport.request` of 5,000",
      writer: "the client's `WriteApi` with batches of 5,000, `flush()`",
      await: "`await transport.request` of one line",
    },
    full: 300_000,
    quick: 10_000,
    fewer: { await: 500 },
  },
  {
    id: "influx-sink-plain",
    title: "points, 5,000 a request, not compressed",
    server: "influx",
    contenders: ["loop", "millrace", "writer"],
    says: {
      loop: "line protocol by a template, `transport.request` of 5,000",
      writer: "the client's `WriteApi` with batches of 5,000, `flush()`",
    },
    full: 300_000,
    quick: 10_000,
  },
  {
    id: "scylla-source",
    title: "table by 16 token ranges, 8 at a time, pages of 500 → discard",
    server: "cassandra",
    contenders: TWO,
    says: { loop: "the same ranges and pages by `client.execute`" },
    full: 120_000,
    quick: 4_000,
  },
  {
    id: "scylla-sink",
    title: "rows, 1,000 a batch, unlogged batches of one partition (100 rows)",
    server: "cassandra",
    contenders: ALL,
    says: {
      loop: "batches of 1,000, sorted by partition key, `client.batch` of 100, all at once",
      writer: "`executeConcurrent`, 64 at a time, a statement a row",
      await: "`await client.execute` each",
    },
    full: 300_000,
    quick: 3_000,
    fewer: { writer: 6_000, await: 500 },
  },
  {
    id: "dgraph-source",
    title: "nodes of a type in pages of 500 at one timestamp → discard",
    server: "dgraph",
    contenders: TWO,
    says: { loop: "the same queries by a read-only `Txn`, `JSON.parse` of the answer" },
    full: 5_000,
    quick: 1_000,
  },
  {
    id: "dgraph-sink",
    title: "nodes with two fields and an edge, 200 upserts a transaction",
    server: "dgraph",
    contenders: ALL,
    says: {
      loop: "the same upsert block made by hand, `doRequest` and `commit` of dgraph-js",
      writer: "the same with `setSetJson`, committed along with the request",
      await: "a transaction each",
    },
    full: 5_000,
    quick: 1_000,
    fewer: { await: 200 },
  },
];

/** Undefined: there is no such workload. */
export function workloadOf(id: string): ConnectorWorkload | undefined {
  return WORKLOADS.find((workload) => workload.id === id);
}

/** How many values a contender gets. */
export function sizeOf({ full, quick, fewer }: ConnectorWorkload, contender: Contender, isQuick: boolean): number {
  const most = fewer?.[contender] ?? full;
  return isQuick ? Math.min(quick, Math.ceil(most / 5)) : most;
}
