import { checkpointSuite } from "@millrace/core/testing";
import { deleteTopic, redpandaCheckpoints } from "../src/index.js";
import { freshName, testBrokers } from "./brokers.js";

const brokers = testBrokers();

checkpointSuite({
  name: "redpanda",
  async setup() {
    const topic = freshName("checkpoints");
    return { store: () => redpandaCheckpoints({ brokers, topic, partitions: 2 }), teardown: () => deleteTopic({ brokers }, topic) };
  },
});
