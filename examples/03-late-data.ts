/** Hourly sums that wait fifteen minutes for late payments; what comes later still is kept aside, not lost. */
import { discardSink, from, type Late, topology, tumbling, type Windowed } from "@millrace/core";

interface Payment {
  readonly minute: number;
  readonly amount: number;
}
const payments: Payment[] = [
  { minute: 5, amount: 10 },
  { minute: 70, amount: 1 },
  { minute: 50, amount: 20 }, // late for the first hour, but not too late
  { minute: 100, amount: 2 },
  { minute: 20, amount: 40 }, // too late
];

const results: Windowed<unknown, { total: number }>[] = [];
const late: Late<Payment>[] = [];

const hourly = from(payments)
  .eventTime((payment) => payment.minute * 60_000)
  .window("hourly", tumbling({ size: "1h" }), {
    allowedLateness: "15m",
    emit: "final", // one result an hour; without it each late payment fires its hour again
    late: (values) => values.tap((value) => late.push(value)).to(discardSink()),
  })
  .aggregate((by) => ({ total: by.sum((payment) => payment.amount) }));

await topology("payments", hourly.tap((result) => results.push(result)).to(discardSink())).run();

for (const { window, value } of results) console.log(`hour ${window.start / 3_600_000}: ${value.total}`);
for (const { value, lateBy } of late) console.log(`late by ${Math.round(lateBy / 60_000)} minutes: ${value.amount}`);

// prints:
// hour 0: 30
// hour 1: 3
// late by 80 minutes: 40
