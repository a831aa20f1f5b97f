/** Reads points into a sink that takes nothing for a while, then goes on; prints how far the memory grew, how many rows were decoded while it stalled, and how many came in the end. */
import { setTimeout as sleep } from "node:timers/promises";
import { from } from "@millrace/core";
import { MemoryWatch, StalledSink } from "../../../../../testbed/memory.js";
import { flux, fluxSource } from "../../src/index.js";

const [url = "", token = "", org = "", bucket = "", start = "0", stop = "0"] = process.argv.slice(2);
const stalled = new StalledSink();
let decoded = 0;
const memory = new MemoryWatch();
const run = from(
  fluxSource({
    url,
    token,
    org,
    bucket,
    name: "points",
    start: Number(start),
    stop: Number(stop),
    pipe: flux`|> filter(fn: (r) => r._field == "text")`,
    decode: ({ _value }) => {
      decoded++;
      return String(_value);
    },
  }),
)
  .to(stalled.sink)
  .start();
await sleep(2_000);
const whileStalled = decoded;
stalled.go();
await run.done;
console.log(JSON.stringify({ whileStalled, count: stalled.count, grownMB: memory.end() }));
