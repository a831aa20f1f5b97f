/** Writes a million values, of which every thousandth is a document of its own and the others change nothing, since this server writes only some thousand a second; it is stopped in the middle by the test and goes on later. Prints how far the memory grew, and how many values were taken from the source while it stood. */
import { from } from "@millrace/core";
import { mongoSink } from "../../src/index.js";

const [url = "", database = "", values = "1000000"] = process.argv.slice(2);
const collect = (globalThis as { gc?: () => void }).gc as () => void;
const used = (): number => {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};
let emitted = 0;
async function* numbers(): AsyncGenerator<{ readonly _id: number; readonly text: string }> {
  for (; emitted < Number(values); emitted++) yield { _id: emitted, text: "x".repeat(80) };
}
const sink = mongoSink<{ readonly _id: number; readonly text: string }>({
  url,
  database,
  collection: "out",
  batch: { size: 5_000 },
  write: (document) => (document._id % 1_000 === 0 ? { kind: "insertIgnore", document: { ...document } } : undefined),
});
const before = used();
let most = 0;
const run = from(numbers)
  .to(sink, { retry: { attempts: 100, delay: "100ms", maxDelay: "1s" } })
  .start();
const watch = setInterval(() => {
  most = Math.max(most, used() - before);
  console.log(`emitted ${emitted}`);
}, 250);
await run.done.finally(() => clearInterval(watch));
console.log(`done ${JSON.stringify({ emitted, grownMB: Math.round(most / 1024 / 1024) })}`);
