/** Reads and writes until it is told to stop, and then must end by itself: whatever is left open keeps the process. */
import { from } from "@millrace/core";
import { redpandaSink, redpandaSource } from "../../src/index.js";
import { driverNamed } from "../brokers.js";

const [driverName = "", brokerList = "", input = "", output = "", group = ""] = process.argv.slice(2);
const driver = driverNamed(driverName);
const brokers = brokerList.split(",");
const text = new TextDecoder();
let seen = 0;
const run = from(
  redpandaSource({
    brokers,
    driver,
    topic: input,
    groupId: group,
    decode: ({ value }) => {
      if (++seen === 1_000) setImmediate(() => void run.stop().then(({ status }) => console.log(status)));
      return text.decode(value);
    },
  }),
)
  .to(redpandaSink<string>({ brokers, driver, topic: output, encode: (value) => ({ value }) }))
  .start();
