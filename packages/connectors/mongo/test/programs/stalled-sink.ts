/** Reads a collection, five values a document, into a sink that stalls, then goes on; prints how far the memory grew meanwhile, and how many values came in the end. */
import { setTimeout as sleep } from "node:timers/promises";
import { from, type Sink } from "@millrace/core";
import { mongoSource } from "../../src/index.js";

const [url = "", database = "", stallMs = "5000"] = process.argv.slice(2);
const collect = (globalThis as { gc?: () => void }).gc as () => void;
const used = (): number => {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};
let count = 0;
let go = (): void => {};
const stalled = new Promise<void>((resolve) => {
  go = resolve;
});
const sink: Sink<number> = {
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
const before = used();
const run = from(mongoSource<number>({ url, database, collection: "million", decode: ({ _id }) => Number(_id) }))
  .flatMap((id) => [0, 1, 2, 3, 4].map((i) => id * 5 + i))
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
