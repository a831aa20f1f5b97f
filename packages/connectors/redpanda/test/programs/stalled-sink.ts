/** Reads a topic into a sink that stalls, then goes on; prints how far the memory grew meanwhile, and how many values came in the end. */
import { setTimeout as sleep } from "node:timers/promises";
import { from, type Sink } from "@millrace/core";
import { redpandaSource } from "../../src/index.js";

const [brokers = "", topic = "", group = "", stallMs = "5000"] = process.argv.slice(2);
const text = new TextDecoder();
const collect = (globalThis as { gc?: () => void }).gc as () => void;
const used = (): number => {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};
let stalled = Promise.resolve();
let count = 0;
const sink: Sink<string> = {
  name: "stalled",
  writes: "append",
  connect: async () => ({
    open: async () => ({
      write: async (values) => {
        await stalled;
        count += values.length;
      },
      close: async () => {},
    }),
    close: async () => {},
  }),
};
let go = (): void => {};
stalled = new Promise((resolve) => {
  go = resolve;
});
const before = used();
const run = from(
  redpandaSource({
    brokers: brokers.split(","),
    topic,
    groupId: group,
    stopAt: "latest",
    decode: ({ value }) => text.decode(value),
  }),
)
  .to(sink)
  .start();
let most = 0;
for (const end = Date.now() + Number(stallMs); Date.now() < end; ) {
  await sleep(250);
  most = Math.max(most, used() - before);
}
const whileStalled = count;
go();
const watch = setInterval(() => {
  most = Math.max(most, used() - before);
}, 250);
await run.done.finally(() => clearInterval(watch));
console.log(JSON.stringify({ count, whileStalled, grownMB: Math.round(most / 1024 / 1024) }));
