import { from } from "@millrace/core";
import { flux, fluxQuery } from "@millrace/influx";
import { mongoSource } from "@millrace/mongo";
import { scyllaSource } from "@millrace/scylla";
import { decodePayment, paymentTopic, type SoakPlace } from "./soak-pipeline.js";

/** What one store holds against what the topic says it must. */
export interface Recount {
  readonly store: string;
  readonly expected: number;
  readonly found: number;
  /** Missing, too many, or with another content. */
  readonly different: number;
}

interface Total {
  readonly count: number;
  readonly total: number;
}

/** Reads the topic from its first message and compares every store with it. A payment that the producer sent twice counts twice in the totals. */
export async function recount(place: SoakPlace): Promise<readonly Recount[]> {
  const totals = new Map<string, Total>();
  const payments = new Map<number, string>();
  await from(paymentTopic(place).source({ decode: decodePayment, startAt: "earliest", stopAt: "latest" })).forEach(
    ({ account, id, amount }) => {
      const { count, total } = totals.get(account) ?? { count: 0, total: 0 };
      totals.set(account, { count: count + 1, total: total + amount });
      payments.set(id, `${account} ${amount}`);
    },
  );
  return [
    compare("mongo", new Map([...totals].map(([account, total]) => [account, text(total)])), await mongoTotals(place)),
    compare("influx", payments, await influxPayments(place)),
    compare("cassandra", payments, await scyllaPayments(place)),
  ];
}

function compare<K>(store: string, expected: ReadonlyMap<K, string>, found: ReadonlyMap<K, string>): Recount {
  const missingOrOther = [...expected].filter(([key, value]) => found.get(key) !== value).length;
  const tooMany = [...found.keys()].filter((key) => !expected.has(key)).length;
  return { store, expected: expected.size, found: found.size, different: missingOrOther + tooMany };
}

function text({ count, total }: Total): string {
  return `${count} ${total}`;
}

async function mongoTotals({ mongo }: SoakPlace): Promise<Map<string, string>> {
  const decode = ({ _id, count, total }: Readonly<Record<string, unknown>>) =>
    [String(_id), text({ count: Number(count), total: Number(total) })] as const;
  return new Map(await from(mongoSource({ ...mongo, collection: "totals", decode })).collect());
}

async function influxPayments({ influx, bucket }: SoakPlace): Promise<Map<number, string>> {
  const query = flux`from(bucket: ${bucket}) |> range(start: ${new Date(0)}) |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")`;
  const found = new Map<number, string>();
  for await (const { account, id, amount } of fluxQuery(influx, query)) found.set(Number(id), `${account} ${amount}`);
  return found;
}

async function scyllaPayments({ scylla, keyspace }: SoakPlace): Promise<Map<number, string>> {
  const payments = scyllaSource({
    ...scylla,
    contactPoints: [...scylla.contactPoints],
    keyspace,
    table: "payments",
    row: ({ account, id, amount }) => [Number(id), `${account} ${amount}`] as const,
  });
  return new Map(await from(payments).collect());
}
