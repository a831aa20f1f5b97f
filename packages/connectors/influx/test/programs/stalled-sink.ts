/** Writes a million values to a server that takes requests and does not answer for a while; prints how far the memory grew, and how many points it got in the end. */
import { setTimeout as sleep } from "node:timers/promises";
import { from } from "@millrace/core";
import { influxSink } from "../../src/index.js";

const [url = "", token = "", org = "", bucket = "", stallMs = "3000", total = "1000000"] = process.argv.slice(2);
const collect = (globalThis as { gc?: () => void }).gc as () => void;
const used = (): number => {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};
let made = 0;
function* values(): Generator<number, void, undefined> {
  for (; made < Number(total); made++) yield made;
}
const before = used();
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
let most = 0;
const watch = setInterval(() => {
  most = Math.max(most, used() - before);
}, 250);
await sleep(Number(stallMs));
const whileStalled = made;
await run.done.finally(() => clearInterval(watch));
console.log(JSON.stringify({ made, whileStalled, grownMB: Math.round(most / 1024 / 1024) }));
