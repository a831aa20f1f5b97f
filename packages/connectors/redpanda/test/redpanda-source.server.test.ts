import { sourceSuite } from "@millrace/core/testing";
import { deleteTopic, ensureTopic, redpandaSource } from "../src/index.js";
import { drivers, freshName, testBrokers } from "./brokers.js";
import { produce } from "./produce.js";

const brokers = testBrokers();
const text = new TextDecoder();

for (const [name, driver] of Object.entries(drivers))
  sourceSuite<string>({
    name: `redpanda, ${name}`,
    async setup(values) {
      const topic = freshName("source");
      const groupId = freshName("group");
      await ensureTopic({ brokers }, topic, { partitions: 3 });
      await produce(brokers, topic, values);
      return {
        source: () => redpandaSource({ brokers, driver, topic, groupId, decode: ({ value }) => text.decode(value) }),
        append: (more) => produce(brokers, topic, more),
        teardown: () => deleteTopic({ brokers }, topic),
      };
    },
    sample: (index) => `value ${index}`,
  });
