/** Reads a topic into a sink that stalls, then goes on; prints how far the memory grew meanwhile, and how many values came in the end. */
import { setTimeout as sleep } from "node:timers/promises";
import { from } from "@millrace/core";
import { MemoryWatch, StalledSink } from "../../../../../testbed/memory.js";
import { redpandaSource } from "../../src/index.js";
import { driverNamed } from "../brokers.js";

const [driverName = "", brokers = "", topic = "", group = "", stallMs = "5000"] = process.argv.slice(2);
const text = new TextDecoder();
const stalled = new StalledSink();
const memory = new MemoryWatch();
const run = from(
  redpandaSource({
    brokers: brokers.split(","),
    driver: driverNamed(driverName),
    topic,
    groupId: group,
    stopAt: "latest",
    decode: ({ value }) => text.decode(value),
  }),
)
  .to(stalled.sink)
  .start();
await sleep(Number(stallMs));
const whileStalled = stalled.count;
stalled.go();
await run.done;
console.log(JSON.stringify({ count: stalled.count, whileStalled, grownMB: memory.end() }));
