import { join } from "node:path";
import {
  type CheckpointStore,
  type Codec,
  from,
  type Message,
  type OutMessage,
  type Sink,
  type Source,
  type Topology,
  topology,
  tumbling,
} from "@millrace/core";
import { type SqliteTable, sqliteCheckpoints, sqliteTable, sqliteTopic } from "../../src/index.js";
import type { KillPoints } from "./kill-points.js";

/** A payment of the kill test: what is in the input topic, as JSON. */
export interface Payment {
  readonly id: number;
  readonly account: string;
  readonly at: number;
  readonly amount: number;
}

/** What a payment leads to, in the output topic. */
export interface Balance {
  readonly account: string;
  readonly payment: number;
  readonly count: number;
  readonly total: number;
  readonly at: number;
}

export const PARTITIONS = 4;
const text = new TextDecoder();

export function inputTopic(dir: string): ReturnType<typeof sqliteTopic> {
  return sqliteTopic({ file: join(dir, "input.db"), name: "payments", partitions: PARTITIONS });
}

/** In the same file as the checkpoints: exactly-once. */
export function outputTopic(dir: string): ReturnType<typeof sqliteTopic> {
  return sqliteTopic({ file: join(dir, "state.db"), name: "balances", partitions: PARTITIONS });
}

export const HOURS = { account: "TEXT", start: "INTEGER", payments: "INTEGER", total: "INTEGER" } as const;

/** In a file of its own: effectively-once, by its key. */
export function hourTable(dir: string): SqliteTable<typeof HOURS, "account" | "start"> {
  return sqliteTable({ file: join(dir, "hours.db"), table: "hours", columns: HOURS, key: ["account", "start"] });
}

export function decodePayment({ value }: Pick<Message, "value">): Payment {
  return JSON.parse(text.decode(value)) as Payment;
}

export function encodeBalance(balance: Balance): OutMessage {
  return {
    key: balance.account,
    value: JSON.stringify(balance),
    headers: { payment: String(balance.payment) },
    timestamp: balance.at,
  };
}

export function nextBalance(before: { readonly count: number; readonly total: number }, payment: Payment): Balance {
  return {
    account: payment.account,
    payment: payment.id,
    count: before.count + 1,
    total: before.total + payment.amount,
    at: payment.at,
  };
}

/** payments → a balance an account (stateful) → output topic, and payments an hour (window) → table. */
export function paymentTopology(dir: string, points: KillPoints, stopAt: "latest" | undefined): Topology {
  const source = points.beforeSourceCommit(
    inputTopic(dir).source({ decode: decodePayment, ...(stopAt === undefined ? {} : { stopAt }) }),
  );
  const payments = from(source as Source<Payment>)
    .eventTime((payment) => payment.at, { maxOutOfOrderness: "10m" })
    .keyBy((payment) => payment.account);
  const balances = payments.stateful("balance", {
    init: () => ({ count: 0, total: 0 }),
    onValue: (state, payment) => {
      const balance = nextBalance(state, payment);
      return [{ count: balance.count, total: balance.total }, balance];
    },
    codec: points.afterSnapshot(stateCodec),
  });
  const hours = payments
    .window("hours", tumbling({ size: "1h" }), { allowedLateness: "1h" })
    .aggregate((by) => ({ payments: by.count(), total: by.sum((payment) => payment.amount) }));
  return topology(
    "kill-test",
    balances.to(points.inFlush(outputTopic(dir).sink({ encode: encodeBalance })) as Sink<Balance>),
    hours.to(
      hourTable(dir).sink({
        row: ({ key, window, value }) => ({
          account: key,
          start: window.start,
          payments: value.payments,
          total: value.total,
        }),
      }),
    ),
  );
}

export function paymentStore(dir: string, points: KillPoints): CheckpointStore {
  return points.aroundStoreCommit(sqliteCheckpoints({ file: join(dir, "state.db") }));
}

const stateCodec: Codec<{ readonly count: number; readonly total: number }> = {
  version: 1,
  encode: (state) => new TextEncoder().encode(`${state.count} ${state.total}`),
  decode: (bytes) => {
    const [count, total] = text.decode(bytes).split(" ").map(Number);
    return { count: count as number, total: total as number };
  },
};
