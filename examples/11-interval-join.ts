/** Orders with their payments, which come up to five minutes later; an order without one is told once time has passed it. */
import { from } from "@millrace/core";

const minutes = (n: number): number => n * 60_000;
const orders = from([
  { id: "A", at: minutes(0) },
  { id: "B", at: minutes(1) },
  { id: "C", at: minutes(9) },
]);
const payments = from([
  { order: "A", at: minutes(2), amount: 12 },
  { order: "C", at: minutes(10), amount: 7 },
]);

const paid = await orders
  .eventTime((order) => order.at)
  .keyBy((order) => order.id)
  .leftJoin(
    "paid",
    payments.eventTime((payment) => payment.at).keyBy((payment) => payment.order),
    { between: ["0s", "5m"] },
    (order, payment) => `order ${order.id}: ${payment === undefined ? "not paid" : `${payment.amount} paid`}`,
  )
  .collect();

for (const line of paid.sort()) console.log(line);

// prints:
// order A: 12 paid
// order B: not paid
// order C: 7 paid
