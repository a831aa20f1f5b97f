import { from, type RetryPolicy, type Run, topology } from "@millrace/core";
import { ensureBucket, influxSink } from "@millrace/influx";
import { ensureSchema as ensureCollections, mongoSink } from "@millrace/mongo";
import { ensureTopic, redpandaTopic } from "@millrace/redpanda";
import { ensureSchema as ensureTables, scyllaSink } from "@millrace/scylla";
import { sqliteCheckpoints } from "@millrace/sqlite";

/** What flows: the amounts of an account, numbered. */
export interface Payment {
  readonly account: string;
  readonly id: number;
  readonly amount: number;
}

/** Where everything is: names of one soak, so that two do not mix. */
export interface SoakPlace {
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly mongo: { readonly url: string; readonly database: string };
  readonly influx: { readonly url: string; readonly token: string; readonly org: string };
  readonly bucket: string;
  readonly scylla: { readonly contactPoints: readonly string[]; readonly localDataCenter: string };
  readonly keyspace: string;
  readonly checkpoints: string;
}

const PARTITIONS = 4;
/** Longer than any of the servers is away. */
const RETRY: RetryPolicy = { attempts: 200, delay: "100ms", maxDelay: "2s", maxElapsed: "5m" };

/** Makes topic, collection, bucket and table. */
export async function prepare({ brokers, topic, mongo, influx, bucket, scylla, keyspace }: SoakPlace): Promise<void> {
  await ensureTopic({ brokers: [...brokers] }, topic, { partitions: PARTITIONS });
  await ensureCollections(mongo, { totals: {} });
  await ensureBucket(influx, bucket);
  const columns = { account: "text", id: "int", amount: "int" };
  const tables = [{ name: "payments", columns, partitionKey: ["account"], clustering: { id: "asc" } }] as const;
  await ensureTables(
    { ...scylla, contactPoints: [...scylla.contactPoints] },
    {
      keyspace,
      replication: { [scylla.localDataCenter]: 1 },
      tables,
    },
  );
}

export function paymentTopic({ brokers, topic }: SoakPlace): ReturnType<typeof redpandaTopic> {
  return redpandaTopic({ brokers: [...brokers], topic });
}

export function decodePayment({ value }: { readonly value: Uint8Array | undefined }): Payment {
  return JSON.parse(new TextDecoder().decode(value)) as Payment;
}

/** Payments into the topic, so many a second, until told to stop. */
export function startProducer(place: SoakPlace, perSecond: number, signal: AbortSignal): Run {
  async function* payments(): AsyncGenerator<Payment> {
    const began = performance.now();
    for (let id = 0; !signal.aborted; id++) {
      const due = began + (id * 1_000) / perSecond;
      const wait = due - performance.now();
      if (wait > 5) await new Promise((resolve) => setTimeout(resolve, wait));
      yield { account: `account-${id % 50}`, id, amount: (id * 7_919) % 1_000 };
    }
  }
  const encode = (payment: Payment) => ({ key: payment.account, value: JSON.stringify(payment) });
  const produced = from(() => payments(), { name: "payments" }).to(paymentTopic(place).sink({ encode }), {
    retry: RETRY,
  });
  return topology("soak-producer", produced).start({ checkpoint: "none" });
}

/** Topic → a total an account (stateful) → MongoDB, and every payment → InfluxDB and Cassandra. `stopAt`: ends at what is there. */
export function startPipeline(place: SoakPlace, stopAt?: "latest"): Run {
  const { mongo, influx, bucket, scylla, keyspace, checkpoints } = place;
  const source = paymentTopic(place).source({ decode: decodePayment, ...(stopAt === undefined ? {} : { stopAt }) });
  const payments = from(source).keyBy(({ account }) => account, { partitioned: true });
  const totals = payments.stateful("total", {
    init: () => ({ count: 0, total: 0 }),
    onValue: ({ count, total }, { account, amount }) => {
      const next = { count: count + 1, total: total + amount };
      return [next, { _id: account, ...next }];
    },
  });
  return topology(
    "soak",
    totals.to(
      mongoSink({
        ...mongo,
        name: "mongo",
        collection: "totals",
        writes: "versioned",
        write: (document) => ({ kind: "guarded", version: "count", document }),
      }),
      { retry: RETRY },
    ),
    payments.to(
      influxSink({
        ...influx,
        name: "influx",
        bucket,
        points: ({ account, id, amount }) => ({
          measurement: "payment",
          tags: { account },
          fields: { amount, id },
          time: 1_767_225_600_000 + id,
        }),
      }),
      { retry: RETRY },
    ),
    payments.to(
      scyllaSink({
        ...scylla,
        contactPoints: [...scylla.contactPoints],
        name: "cassandra",
        keyspace,
        table: "payments",
        row: (payment: Payment) => ({ ...payment }),
      }),
      { retry: RETRY },
    ),
  ).start({ checkpoint: { every: "2s", timeout: "5m", store: sqliteCheckpoints({ file: checkpoints }) } });
}
