/** Reads a collection, fifty values a document, into a sink that stalls, then goes on; prints how far the memory grew meanwhile, and how many values came in the end. */
import { setTimeout as sleep } from "node:timers/promises";
import { from } from "@millrace/core";
import { MemoryWatch, StalledSink } from "../../../../../testbed/memory.js";
import { mongoSource } from "../../src/index.js";

const [url = "", database = "", stallMs = "5000"] = process.argv.slice(2);
const stalled = new StalledSink();
const memory = new MemoryWatch();
const run = from(mongoSource<number>({ url, database, collection: "million", decode: ({ _id }) => Number(_id) }))
  .flatMap((id) => Array.from({ length: 50 }, (_, i) => id * 50 + i))
  .to(stalled.sink)
  .start();
await sleep(Number(stallMs));
const whileStalled = stalled.count;
stalled.go();
await run.done;
console.log(JSON.stringify({ count: stalled.count, whileStalled, grownMB: memory.end() }));
