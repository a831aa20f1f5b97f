/**
 * Topic → stateful → MongoDB, InfluxDB and Cassandra while servers are killed: `npm run soak -- --minutes 10 [--report FILE]`. It starts servers of
 * its own, kills one drawn at random (SIGKILL) every 30 s and starts it again, and in the end compares every store with a recount of the topic.
 */
import { rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Run } from "@millrace/core";
import { HeapWatch } from "./heap-watch.js";
import { type Recount, recount } from "./recount.js";
import { prepare, type SoakPlace, startPipeline, startProducer } from "./soak-pipeline.js";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "2" },
    rate: { type: "string", default: "300" },
    seed: { type: "string", default: "1" },
    report: { type: "string" },
  },
});
const minutes = Number(values.minutes);
const KILL_EVERY_MS = 30_000;
/** More than this between the quarters is a leak. */
const MAX_GROWTH_MIB = 8;

// Ports and data of its own, read when the servers are described.
const own = {
  KAFKA_PORT: 25_092,
  CASS_PORT: 25_042,
  CASS_STORAGE_PORT: 25_700,
  INFLUX_PORT: 25_086,
  MONGO_PORT: 25_017,
};
for (const [name, port] of Object.entries(own)) process.env[name] ??= String(port);
process.env.TESTBED_RUN ??= join(tmpdir(), "millrace-soak");
const { kill, start, wipe } = await import("../control.js");
const { pickServers } = await import("../servers.js");

const servers = pickServers(["kafka", "cassandra", "influx", "mongo"]);
const began = Date.now();
const say = (line: string): void => console.log(`${Math.round((Date.now() - began) / 1_000)} s: ${line}`);
const kills = new Map<string, number>();
let restarts = 0;

/** Starts the servers. Where everything is in them is named after the moment, so that two soaks do not mix. */
async function open(): Promise<SoakPlace> {
  for (const server of servers) {
    await server.build(() => {});
    await start(server, () => {});
    say(`${server.name} is up`);
  }
  const env = Object.assign({}, ...servers.map((server) => server.env())) as Readonly<Record<string, string>>;
  const run = Date.now().toString(36);
  return {
    brokers: (env.KAFKA_BROKERS ?? "").split(","),
    topic: `soak-${run}`,
    mongo: { url: env.MONGO_URL ?? "", database: `soak_${run}` },
    influx: { url: env.INFLUX_URL ?? "", token: env.INFLUX_TOKEN ?? "", org: env.INFLUX_ORG ?? "" },
    bucket: `soak-${run}`,
    scylla: {
      contactPoints: (env.CASSANDRA_CONTACT_POINTS ?? "").split(","),
      localDataCenter: env.CASSANDRA_DATACENTER ?? "datacenter1",
    },
    keyspace: `soak_${run}`,
    checkpoints: join(tmpdir(), `millrace-soak-${run}.db`),
  };
}

/** As a supervisor does: a run that fails is started again, from its checkpoint. */
async function supervised(begin: () => Run, over: () => boolean): Promise<{ stop(): Promise<void> }> {
  let current = begin();
  const watch = (async () => {
    while (!over()) {
      const { status } = await current.done.catch((error: Error) => ({ status: error.message }));
      if (over() || status === "stopped") return;
      restarts++;
      say(`the pipeline ended and is started again: ${status}`);
      await sleep(1_000);
      current = begin();
    }
  })();
  return {
    stop: async () => {
      await current.stop({ timeout: "2m" });
      await watch;
    },
  };
}

async function killInTurns(until: number): Promise<void> {
  let state = Number(values.seed);
  while (Date.now() + KILL_EVERY_MS < until) {
    await sleep(KILL_EVERY_MS);
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const server = servers[Math.floor((state / 2 ** 32) * servers.length)] as (typeof servers)[number];
    await kill(server);
    kills.set(server.name, (kills.get(server.name) ?? 0) + 1);
    const away = Date.now();
    await start(server, () => {});
    say(`${server.name} was killed and is back after ${((Date.now() - away) / 1_000).toFixed(1)} s`);
  }
  await sleep(Math.max(0, until - Date.now()));
}

/** The whole soak; true: every store is equal and the heap is flat. */
async function soak(place: SoakPlace): Promise<boolean> {
  await prepare(place);
  const heap = new HeapWatch();
  const producing = new AbortController();
  const producer = startProducer(place, Number(values.rate), producing.signal);
  let over = false;
  const pipeline = await supervised(
    () => startPipeline(place),
    () => over,
  );
  await killInTurns(Date.now() + minutes * 60_000);
  producing.abort();
  say(`the producer has ended: ${(await producer.done).status}`);
  heap.stop();
  over = true;
  await pipeline.stop();
  await startPipeline(place, "latest").done;
  const stores = await recount(place);
  const { second, last } = heap.quarters;
  const flat = last - second < MAX_GROWTH_MIB;
  const equal = stores.every(({ different, expected }) => different === 0 && expected > 0);
  const text = report(stores, { second, last, flat, equal });
  console.log(text);
  if (values.report !== undefined) writeFileSync(values.report, text);
  rmSync(place.checkpoints, { force: true });
  return equal && flat;
}

interface Verdict {
  readonly second: number;
  readonly last: number;
  readonly flat: boolean;
  readonly equal: boolean;
}

function report(all: readonly Recount[], { second, last, flat, equal }: Verdict): string {
  return [
    "# Soak",
    "",
    `Topic → stateful → MongoDB (SecantusDB on its wire), InfluxDB and Cassandra for ${minutes} minutes at ${values.rate} payments a second; a server drawn at random (seed ${values.seed}) killed with SIGKILL every ${KILL_EVERY_MS / 1_000} s and started again. Node ${process.version}, ${cpus().length} cores, ${new Date().toISOString()}.`,
    "",
    `Kills: ${[...kills].map(([name, count]) => `${name} ${count}`).join(", ") || "none"}. Runs that failed and were started again: ${restarts}. Heap behind a collection: ${second.toFixed(1)} MiB in the second quarter, ${last.toFixed(1)} MiB in the last (${flat ? "flat" : "**it grows**"}).`,
    "",
    "| store | expected by the topic | found | different |",
    "|---|--:|--:|--:|",
    ...all.map(({ store, expected, found, different }) => `| ${store} | ${expected} | ${found} | ${different} |`),
    "",
    equal ? "EQUAL: every store holds what the topic says." : "**NOT EQUAL**",
    "",
  ].join("\n");
}

try {
  process.exitCode = (await soak(await open())) ? 0 : 1;
} finally {
  for (const server of servers) await wipe(server);
}
