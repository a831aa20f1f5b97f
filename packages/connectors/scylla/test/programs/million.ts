/**
 * Writes a million values to a server that stops answering for a while, then reads them into a sink that stalls. Prints how far the memory
 * grew in each, and how many values came.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { from } from "@millrace/core";
import { MemoryWatch, StalledSink } from "../../../../../testbed/memory.js";
import { scyllaSink, scyllaSource } from "../../src/index.js";

const STALL_MS = 2_000;

const [contactPoint = "", username = "", password = "", keyspace = "", table = "", countText = ""] =
  process.argv.slice(2);
const count = Number(countText);
const place = { contactPoints: [contactPoint], username, password, keyspace, table };

/** The most that memory grew by while `work` went on, in MB. */
async function growth(work: () => Promise<unknown>): Promise<number> {
  const memory = new MemoryWatch();
  await work();
  return memory.end();
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
const stalled = new StalledSink();
let decoded = 0;
let whileStalled = 0;
let decodedWhileStalled = 0;
const row = ({ n }: { readonly n?: unknown }): number => {
  decoded++;
  return Number(n);
};
const reading = await growth(async () => {
  const run = from(scyllaSource({ ...place, row }))
    .to(stalled.sink)
    .start();
  await sleep(STALL_MS);
  whileStalled = stalled.count;
  decodedWhileStalled = decoded;
  stalled.go();
  await run.done;
});
console.log(JSON.stringify({ writing, reading, whileStalled, decodedWhileStalled, came: stalled.count }));
