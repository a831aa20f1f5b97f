/** From a topic to another one, exactly once: sums, positions and messages are one Kafka transaction. */
import { from, topology } from "@millrace/core";
import { deleteTopic, ensureTopic, redpandaCheckpoints, redpandaTopic } from "@millrace/redpanda";

const brokers = (process.env.KAFKA_BROKERS ?? "127.0.0.1:9092").split(",");
const run = Date.now().toString(36);
const [payments, totals] = [`payments-${run}`, `totals-${run}`];
for (const topic of [payments, totals]) await ensureTopic({ brokers }, topic, { partitions: 3 });

const text = new TextDecoder();
const input = redpandaTopic({ brokers, topic: payments });
const output = redpandaTopic({ brokers, topic: totals });
const paid = Array.from({ length: 3_000 }, (_, i) => ({ account: `account-${i % 10}`, amount: i }));
await from(paid)
  .to(input.sink({ encode: ({ account, amount }) => ({ key: account, value: String(amount) }) }))
  .run();

const summed = from(
  input.source({
    decode: ({ key, value }) => ({ account: text.decode(key), amount: Number(text.decode(value)) }),
    stopAt: "latest",
  }),
)
  .keyBy(({ account }) => account, { partitioned: true })
  .stateful("total", {
    init: () => 0,
    onValue: (sum, { account, amount }) => [sum + amount, { account, total: sum + amount }],
  })
  .to(output.sink({ encode: ({ account, total }) => ({ key: account, value: String(total) }) }));
const store = redpandaCheckpoints({ brokers, topic: `checkpoints-${run}` });
const { status } = await topology(`totals-${run}`, summed).run({
  checkpoint: { every: "500ms", store },
  delivery: "exactly-once",
});
console.log(status);

const latest = new Map<string, number>();
await from(
  output.source({
    decode: ({ key, value }) => [text.decode(key), Number(text.decode(value))] as const,
    stopAt: "latest",
  }),
).forEach(([account, total]) => {
  latest.set(account, total);
});
console.log(`${latest.size} accounts, ${[...latest.values()].reduce((sum, total) => sum + total, 0)} in all`);
for (const topic of [payments, totals, `checkpoints-${run}`]) await deleteTopic({ brokers }, topic);

// prints:
// stopped
// 10 accounts, 4498500 in all
