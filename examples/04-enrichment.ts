/** Joins orders with a table of customers: keys are fetched many at a time, each once at a time, and kept for a minute. */
import { from, type Lookup } from "@millrace/core";

const table = new Map([
  [1, "Ada"],
  [2, "Bob"],
]);
const fetched: number[] = [];
const customers: Lookup<number, string> = {
  name: "customers",
  async fetch(keys) {
    fetched.push(...keys);
    return new Map([...table].filter(([id]) => keys.includes(id)));
  },
};

const orders = [
  { customer: 1, what: "tea" },
  { customer: 2, what: "rice" },
  { customer: 1, what: "milk" },
  { customer: 7, what: "salt" },
];

const lines = await from(orders)
  .lookup(
    (order) => order.customer,
    customers,
    (order, name) => `${name ?? `customer ${order.customer}`} buys ${order.what}`,
    { cache: { max: 1_000, ttl: "1m" }, retry: { attempts: 3 }, timeout: "2s" },
  )
  .collect();

for (const line of lines) console.log(line);
console.log(`keys asked for: ${fetched.join(" ")}`);

// prints:
// Ada buys tea
// Bob buys rice
// Ada buys milk
// customer 7 buys salt
// keys asked for: 1 2 7
