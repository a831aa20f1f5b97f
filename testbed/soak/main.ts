/**
 * Topic → stateful → MongoDB, InfluxDB and Cassandra while servers are killed: `npm run soak -- --minutes 10 [--report FILE]`. It starts servers of
 * its own, kills one drawn at random (SIGKILL) every 30 s and starts it again, and in the end compares every store with a recount of the topic. Past
 * `--limit` minutes (`--minutes` and 8) it says what it waits for and ends with 1. Servers are stopped and their data deleted however it ends.
 */
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Run } from "@millrace/core";
import { runBounded } from "./bounded.js";
import { HeapWatch } from "./heap-watch.js";
import { type Recount, recount } from "./recount.js";
import { prepare, type SoakPlace, startPipeline, startProducer } from "./soak-pipeline.js";
import { SoakServers } from "./soak-servers.js";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "2" },
    rate: { type: "string", default: "300" },
    seed: { type: "string", default: "1" },
    limit: { type: "string" },
    report: { type: "string" },
  },
});
const minutes = Number(values.minutes);
/** Beside the soaking itself: servers start, the last values pass, stores are read. */
const limitMinutes = Number(values.limit ?? minutes + 8);
if (!(minutes > 0 && limitMinutes > 0)) throw new Error("--minutes and --limit must be numbers above 0");
const KILL_EVERY_MS = 30_000;
const PROGRESS_EVERY_MS = 10_000;
/** More than this between the second quarter and the last is a leak. */
const MAX_GROWTH_MIB = 8;

const servers = new SoakServers();
const began = Date.now();
const say = (line: string): void => console.log(`${Math.round((Date.now() - began) / 1_000)} s: ${line}`);
const kills = new Map<string, number>();
let restarts = 0;
let step = "";
let pipelineRun: Run | undefined;
let producerRun: Run | undefined;

/** Says what it is at, so that the limit can say it too. */
function enter(next: string): void {
  step = next;
  say(next);
}

/** Starts the servers. Where everything is in them is named after the moment, so that two soaks do not mix. */
async function open(): Promise<SoakPlace> {
  for (const server of servers.all) {
    step = `${server.name} starts`;
    await servers.start(server);
    say(`${server.name} is up`);
  }
  const env = Object.assign({}, ...servers.all.map((server) => server.env())) as Readonly<Record<string, string>>;
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
    checkpoints: join(servers.folder, `${run}.db`),
  };
}

/** How many values each sink has written since its run began: what is behind is seen. */
function progress(): string {
  const written = [producerRun, pipelineRun].flatMap((run) => [
    ...(run?.metrics().toPrometheus() ?? "").matchAll(
      /operator_values_out_total\{[^}]*operator="(redpanda|mongo|influx|cassandra)\b[^}]*\} (\d+)/g,
    ),
  ]);
  return written.map(([, sink, count]) => `${sink} ${count}`).join(", ");
}

/** As a supervisor does: a run that fails is started again, from its checkpoint. */
async function supervised(begin: () => Run, over: () => boolean): Promise<{ stop(): Promise<void> }> {
  pipelineRun = begin();
  const watch = (async () => {
    while (!over()) {
      const { status } = await (pipelineRun as Run).done.catch((error: Error) => ({ status: error.message }));
      if (over() || status === "stopped") return;
      restarts++;
      say(`the pipeline ended and is started again: ${status}`);
      await sleep(1_000);
      pipelineRun = begin();
    }
  })();
  return {
    stop: async () => {
      await pipelineRun?.stop({ timeout: "2m" });
      await watch;
    },
  };
}

async function killInTurns(until: number): Promise<void> {
  let state = Number(values.seed);
  while (Date.now() + KILL_EVERY_MS < until) {
    await sleep(KILL_EVERY_MS);
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const server = servers.all[Math.floor((state / 2 ** 32) * servers.all.length)] as (typeof servers.all)[number];
    kills.set(server.name, (kills.get(server.name) ?? 0) + 1);
    step = `${server.name} was killed and starts again`;
    const away = await servers.killAndRestart(server);
    step = "payments flow";
    say(`${server.name} was killed and is back after ${(away / 1_000).toFixed(1)} s`);
  }
  await sleep(Math.max(0, until - Date.now()));
}

/** The whole soak; true: every store is equal and the heap is flat. */
async function soak(): Promise<boolean> {
  const place = await open();
  enter("topic, collection, bucket and table are made");
  await prepare(place);
  const heap = new HeapWatch();
  const producing = new AbortController();
  const producer = startProducer(place, Number(values.rate), producing.signal);
  producerRun = producer;
  const telling = setInterval(() => say(`written: ${progress()}`), PROGRESS_EVERY_MS);
  let over = false;
  const pipeline = await supervised(
    () => startPipeline(place),
    () => over,
  );
  enter(`payments flow for ${minutes} minutes`);
  await killInTurns(Date.now() + minutes * 60_000);
  producing.abort();
  step = "the producer ends";
  say(`the producer has ended: ${(await producer.done).status}`);
  heap.stop();
  over = true;
  enter("the pipeline is stopped");
  await pipeline.stop();
  enter("the pipeline goes on to the end of the topic");
  pipelineRun = startPipeline(place, "latest");
  await pipelineRun.done;
  clearInterval(telling);
  say(`written: ${progress()}`);
  enter("the stores are compared with the topic");
  const stores = await recount(place);
  const quarters = heap.quarters;
  const flat = quarters[3] - quarters[1] < MAX_GROWTH_MIB;
  const equal = stores.every(({ different, expected }) => different === 0 && expected > 0);
  const text = report(stores, { quarters, flat, equal });
  console.log(text);
  if (values.report !== undefined) writeFileSync(values.report, text);
  return equal && flat;
}

interface Verdict {
  readonly quarters: readonly number[];
  readonly flat: boolean;
  readonly equal: boolean;
}

function report(all: readonly Recount[], { quarters, flat, equal }: Verdict): string {
  return [
    "# Soak",
    "",
    `Topic → stateful → MongoDB (SecantusDB on its wire), InfluxDB and Cassandra for ${minutes} minutes at ${values.rate} payments a second; a server drawn at random (seed ${values.seed}) killed with SIGKILL every ${KILL_EVERY_MS / 1_000} s and started again. Node ${process.version}, ${cpus().length} cores, ${new Date().toISOString()}.`,
    "",
    `Kills: ${[...kills].map(([name, count]) => `${name} ${count}`).join(", ") || "none"}. Runs that failed and were started again: ${restarts}. Heap behind a collection, in the four quarters: ${quarters.map((mib) => mib.toFixed(1)).join(", ")} MiB (${flat ? "flat" : "**it grows**"}).`,
    "",
    "| store | expected by the topic | found | different |",
    "|---|--:|--:|--:|",
    ...all.map(({ store, expected, found, different }) => `| ${store} | ${expected} | ${found} | ${different} |`),
    "",
    equal ? "EQUAL: every store holds what the topic says." : "**NOT EQUAL**",
    "",
  ].join("\n");
}

await servers.claim();
await runBounded({
  work: soak,
  limitMs: limitMinutes * 60_000,
  waitsFor: () => [`at: ${step}`, ...[producerRun, pipelineRun].flatMap((run) => run?.health().reasons ?? [])],
  cleanUp: () => servers.wipe(),
  say,
});
