import type { Message } from "@millrace/core";
import {
  type Balance,
  decodePayment,
  encodeBalance,
  hourTable,
  inputTopic,
  nextBalance,
  outputTopic,
} from "./pipeline.js";

/** What a message is, byte by byte, apart from where it is. */
function facts({ key, value, headers, timestamp }: Pick<Message, "key" | "value" | "headers" | "timestamp">): string {
  const hex = (bytes: Uint8Array | undefined): string =>
    bytes === undefined ? "-" : Buffer.from(bytes).toString("hex");
  return JSON.stringify([
    hex(key),
    hex(value),
    Object.entries(headers).map(([name, bytes]) => [name, hex(bytes)]),
    timestamp,
  ]);
}

const bytes = (text: string | Uint8Array | undefined): Uint8Array | undefined =>
  typeof text === "string" ? new TextEncoder().encode(text) : text;

/** Everything the output topic must hold, by key in order, from the input alone. */
async function expectedBalances(dir: string): Promise<Map<string, string[]>> {
  const expected = new Map<string, string[]>();
  const states = new Map<string, Balance>();
  const topic = inputTopic(dir);
  for await (const message of topic.messages()) {
    const payment = decodePayment(message);
    const balance = nextBalance(states.get(payment.account) ?? { count: 0, total: 0 }, payment);
    states.set(payment.account, balance);
    const out = encodeBalance(balance);
    const headers = Object.fromEntries(
      Object.entries(out.headers ?? {}).map(([name, value]) => [name, bytes(value) as Uint8Array]),
    );
    expected.set(payment.account, [
      ...(expected.get(payment.account) ?? []),
      facts({ key: bytes(out.key), value: bytes(out.value), headers, timestamp: out.timestamp as number }),
    ]);
  }
  await topic.close();
  return expected;
}

async function foundBalances(dir: string): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  const topic = outputTopic(dir);
  for await (const message of topic.messages()) {
    const account = new TextDecoder().decode(message.key);
    found.set(account, [...(found.get(account) ?? []), facts(message)]);
  }
  await topic.close();
  return found;
}

/** The closed hours that the table must hold: those that the watermark has passed when the input was read to its end. */
async function expectedHours(dir: string): Promise<Map<string, string>> {
  const HOUR = 3_600_000;
  const latest = new Map<string, number>();
  const sums = new Map<string, { payments: number; total: number; start: number }>();
  const topic = inputTopic(dir);
  for await (const message of topic.messages()) {
    const payment = decodePayment(message);
    latest.set(message.partition, Math.max(latest.get(message.partition) ?? Number.NEGATIVE_INFINITY, payment.at));
    const start = Math.floor(payment.at / HOUR) * HOUR;
    const key = `${payment.account} ${start}`;
    const sum = sums.get(key) ?? { payments: 0, total: 0, start };
    sums.set(key, { payments: sum.payments + 1, total: sum.total + payment.amount, start });
  }
  await topic.close();
  const watermark = Math.min(...latest.values()) - 600_000 - 1;
  return new Map(
    [...sums]
      .filter(([, { start }]) => start + HOUR - 1 <= watermark)
      .map(([key, { payments, total }]) => [key, `${payments} ${total}`]),
  );
}

/** Compares both sinks with the input; the differences in words, none if all is equal. */
export async function recount(dir: string): Promise<{ readonly differences: string[]; readonly compared: number }> {
  const differences: string[] = [];
  const [expected, found] = [await expectedBalances(dir), await foundBalances(dir)];
  let compared = 0;
  for (const account of new Set([...expected.keys(), ...found.keys()])) {
    const [want, have] = [expected.get(account) ?? [], found.get(account) ?? []];
    compared += want.length;
    if (want.length !== have.length)
      differences.push(`${account}: ${want.length} balances expected, ${have.length} found`);
    const wrong = want.findIndex((line, i) => line !== have[i]);
    if (wrong >= 0) differences.push(`${account}: balance ${wrong} differs`);
  }
  const hours = await expectedHours(dir);
  const rows = new Map(
    (await hourTable(dir).rows()).map(({ account, start, payments, total }) => [
      `${account} ${start}`,
      `${payments} ${total}`,
    ]),
  );
  compared += hours.size;
  for (const [key, want] of hours)
    if (rows.get(key) !== want) differences.push(`hour ${key}: ${want} expected, ${rows.get(key)} found`);
  for (const key of rows.keys()) if (!hours.has(key)) differences.push(`hour ${key} is not expected`);
  return { differences, compared };
}
