/** Sends a million values to a server that does not answer, or scans into a sink that does not take them, and then goes on; prints how far the memory grew meanwhile. */
import { setTimeout as sleep } from "node:timers/promises";
import { from, type Sink } from "@millrace/core";
import { dgraphSink, dgraphSource } from "../../src/index.js";

const [url = "", prefix = "", which = ""] = process.argv.slice(2);
const collect = (globalThis as { gc?: () => void }).gc as () => void;
const used = (): number => {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};
let pulled = 0;
let count = 0;
let release = (): void => {};
const stalled = new Promise<void>((resolve) => {
  release = resolve;
});

function* million(): Generator<number> {
  for (; pulled < 1_000_000; pulled++) yield pulled;
}

/** Takes nothing until it is told to go on. */
const slow: Sink<unknown> = {
  name: "slow",
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
const run =
  which === "sink"
    ? from(million)
        .to(
          dgraphSink<number>({
            url,
            xid: `${prefix}id`,
            timeout: "10m",
            concurrency: 4,
            // Two of a batch are written: that all are taken is enough here.
            write: (n) =>
              n % 100 === 0 ? { kind: "set", id: `m${n}`, fields: { [`${prefix}text`]: "x".repeat(200) } } : undefined,
          }),
        )
        .start()
    : from(
        dgraphSource({
          url,
          nodes: { has: `${prefix}id` },
          select: [`${prefix}id`, `${prefix}text`],
          decode: (node) => {
            pulled++;
            return node;
          },
        }),
      )
        .to(slow)
        .start();
let most = 0;
for (let i = 0; i < 8; i++) {
  await sleep(250);
  most = Math.max(most, used() - before);
}
console.log(`stalled at ${pulled}`);
release();
const watch = setInterval(() => {
  most = Math.max(most, used() - before);
}, 250);
await run.done.finally(() => clearInterval(watch));
console.log(JSON.stringify({ pulled, count, grownMB: Math.round(most / 1024 / 1024) }));
