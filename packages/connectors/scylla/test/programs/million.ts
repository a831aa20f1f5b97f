/**
 * Writes a million values to a server that stops answering for a while, then reads them into a sink that stalls. Prints how far the memory
 * grew in each, and how many values came.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { from, type Sink } from "@millrace/core";
import { scyllaSink, scyllaSource } from "../../src/index.js";

const [contactPoint = "", username = "", password = "", keyspace = "", table = "", countText = ""] =
  process.argv.slice(2);
const count = Number(countText);
const place = { contactPoints: [contactPoint], username, password, keyspace, table };
const collect = (globalThis as { gc?: () => void }).gc as () => void;
const used = (): number => {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};

/** The most that memory grew by while `work` went on, in MB. */
async function growth(work: () => Promise<unknown>): Promise<number> {
  const before = used();
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, used() - before);
  }, 250);
  await work().finally(() => clearInterval(watch));
  return Math.round(most / 1024 / 1024);
}

const values: Iterable<{ owner: string; n: number; text: string }> = {
  *[Symbol.iterator]() {
    for (let n = 0; n < count; n++) {
      if (n % 50_000 === 0) console.log(`emitted ${n}`);
      yield { owner: `owner ${Math.floor(n / 500)}`, n, text: `value ${n} ${"x".repeat(80)}` };
    }
  },
};
const writing = await growth(() =>
  from(values)
    .to(scyllaSink({ ...place, row: (value: { owner: string; n: number; text: string }) => value, timeout: "30s" }))
    .run(),
);
let came = 0;
let stalled = Promise.resolve();
const sink: Sink<number> = {
  name: "stalled",
  writes: "append",
  connect: async () => ({
    open: async () => ({
      write: async (given) => {
        await stalled;
        came += given.length;
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
let whileStalled = 0;
const reading = await growth(async () => {
  const run = from(scyllaSource({ ...place, row: ({ n }) => Number(n) }))
    .to(sink)
    .start();
  await sleep(5_000);
  whileStalled = came;
  go();
  await run.done;
});
console.log(JSON.stringify({ writing, reading, whileStalled, came }));
