/** Writes a million values to a server that takes requests and does not answer for a while; prints how far the memory grew, and how many values were taken while it stalled. The server goes on once it says so. */
import { setTimeout as sleep } from "node:timers/promises";
import { from } from "@millrace/core";
import { MemoryWatch } from "../../../../../testbed/memory.js";
import { influxSink } from "../../src/index.js";

const [url = "", token = "", org = "", bucket = "", stallMs = "3000", total = "1000000"] = process.argv.slice(2);
let made = 0;
function* values(): Generator<number, void, undefined> {
  for (; made < Number(total); made++) yield made;
}
const memory = new MemoryWatch();
const run = from(values)
  .to(
    influxSink<number>({
      url,
      token,
      org,
      bucket,
      timeoutMs: 60_000,
      points: (n) => ({
        measurement: "m",
        fields: { n: BigInt(n), text: `value ${n} ${"x".repeat(80)}` },
        time: 1_700_000_000_000 + n,
      }),
    }),
  )
  .start();
await sleep(Number(stallMs));
const whileStalled = made;
console.log("stalled");
await run.done;
console.log(JSON.stringify({ made, whileStalled, grownMB: memory.end() }));
