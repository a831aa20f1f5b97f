import { checkpointSuite } from "@millrace/core/testing";
import { deleteTopic, redpandaCheckpoints } from "../src/index.js";
import { drivers, freshName, testBrokers } from "./brokers.js";

const brokers = testBrokers();

for (const [name, driver] of Object.entries(drivers))
  checkpointSuite({
    name: `redpanda, ${name}`,
    async setup() {
      const topic = freshName("checkpoints");
      return {
        store: () => redpandaCheckpoints({ brokers, driver, topic, partitions: 2 }),
        teardown: () => deleteTopic({ brokers }, topic),
      };
    },
  });
