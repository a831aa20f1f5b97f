import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { discardSink, from } from "@millrace/core";
import { sqliteCheckpoints } from "@millrace/sqlite";
import { quantile } from "../../statistics.js";
import type { Outcome } from "../../workload.js";
import { type CheckpointInput, Feed, longestBlock, WatchedStore } from "./input.js";

const ROUNDS = 5;
/** How often a task of this kind would be checkpointed: what the CPU time of one checkpoint is compared with. */
const EVERY_MS = 5_000;

/** A task with so many keys, all of them in the store, and what is done to it. */
async function withKeys<T>(keys: number, use: (feed: Feed, store: WatchedStore) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-w10-"));
  const feed = new Feed();
  const store = new WatchedStore(sqliteCheckpoints({ file: join(folder, "checkpoints.db") }));
  const run = from(feed)
    .keyBy((key) => key)
    .stateful<number, never>("counts", { init: () => 0, onValue: (count) => [count + 1] })
    .to(discardSink())
    .start({ checkpoint: { every: "1s", store } });
  try {
    await feed.give(range(keys, 1));
    await store.committed(2);
    return await use(feed, store);
  } finally {
    feed.end();
    await run.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The longest block of the event loop while so many keys change and a checkpoint takes them: the middle of some rounds. */
async function block(dirty: number, keys: number, feed: Feed, store: WatchedStore): Promise<number> {
  const blocks: number[] = [];
  const changed = range(dirty, Math.floor(keys / dirty));
  for (let round = 0; round < ROUNDS; round++) {
    blocks.push(
      await longestBlock(async () => {
        await feed.give(changed);
        await store.committed(2);
      }),
    );
  }
  return quantile(
    blocks.sort((left, right) => left - right),
    0.5,
  );
}

/** CPU time of one checkpoint of so many changed keys, beyond that of one without any: of all threads. */
async function checkpointCpuMs(dirty: number, keys: number, feed: Feed, store: WatchedStore): Promise<number> {
  await store.committed(1);
  const idle = await cpuMs(() => store.committed(2));
  await feed.give(range(dirty, Math.floor(keys / dirty)));
  return (await cpuMs(() => store.committed(2))) - idle;
}

async function cpuMs(during: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await during();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

export async function run({ keys }: CheckpointInput): Promise<Outcome> {
  const [few, some, many] = [keys / 1_000, keys / 100, keys / 10];
  const large = await withKeys(keys, async (feed, store) => ({
    maxBlockMs: await block(some, keys, feed, store),
    maxBlockMs1k: await block(few, keys, feed, store),
    maxBlockMs100k: await block(many, keys, feed, store),
    cpuShare: (await checkpointCpuMs(many, keys, feed, store)) / EVERY_MS,
  }));
  const small = await withKeys(many, (feed, store) => block(some, many, feed, store));
  return { checksum: keys, figures: { ...large, maxBlockMs10kOf100k: small, growth: large.maxBlockMs / small } };
}

/** So many numbers from 0, so far apart. */
function range(count: number, step: number): number[] {
  return Array.from({ length: count }, (_, i) => i * step);
}
