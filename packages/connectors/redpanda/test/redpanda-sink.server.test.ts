import { sinkSuite } from "@millrace/core/testing";
import { deleteTopic, ensureTopic, redpandaSink } from "../src/index.js";
import { drivers, freshName, testBrokers } from "./brokers.js";
import { consume } from "./consume.js";

const brokers = testBrokers();
const text = new TextDecoder();

for (const [client, driver] of Object.entries(drivers))
  for (const idempotent of [false, true])
    sinkSuite<string>({
      name: `redpanda, ${client}${idempotent ? ", idempotent" : ""}`,
      async setup() {
        const topic = freshName("sink");
        await ensureTopic({ brokers }, topic, { partitions: 3 });
        return {
          sink: () =>
            redpandaSink<string>({
              brokers,
              driver,
              topic,
              idempotent,
              encode: (value) => ({ key: value.slice(0, 100), value }),
            }),
          contents: async () => (await consume(brokers, topic)).map(({ value }) => text.decode(value)),
          teardown: () => deleteTopic({ brokers }, topic),
        };
      },
      sample: (index) => `value ${index}`,
      poison: () => "x".repeat(2_000_000),
    });
