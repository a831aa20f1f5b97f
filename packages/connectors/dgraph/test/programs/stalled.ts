/** Sends a million values to a server that does not answer, or scans into a sink that does not take them, and then goes on; prints how far the memory grew meanwhile. */
import { setTimeout as sleep } from "node:timers/promises";
import { from } from "@millrace/core";
import { MemoryWatch, StalledSink } from "../../../../../testbed/memory.js";
import { dgraphSink, dgraphSource } from "../../src/index.js";

const STALL_MS = 2_000;

const [url = "", prefix = "", which = ""] = process.argv.slice(2);
const stalled = new StalledSink();
let pulled = 0;

function* million(): Generator<number> {
  for (; pulled < 1_000_000; pulled++) yield pulled;
}

const memory = new MemoryWatch();
const run =
  which === "sink"
    ? from(million)
        .to(
          dgraphSink<number>({
            url,
            xid: `${prefix}id`,
            timeout: "10m",
            concurrency: 4,
            // Of some batches one is written: that all are taken is enough here.
            write: (n) =>
              n % 500 === 0 ? { kind: "set", id: `m${n}`, fields: { [`${prefix}text`]: "x".repeat(200) } } : undefined,
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
        .to(stalled.sink)
        .start();
await sleep(STALL_MS);
console.log(`stalled at ${pulled}`);
stalled.go();
await run.done;
console.log(JSON.stringify({ pulled, count: stalled.count, grownMB: memory.end() }));
