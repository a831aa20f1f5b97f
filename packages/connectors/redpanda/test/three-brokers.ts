/**
 * Three brokers, replication factor 3, two in sync required: kills the next broker (SIGKILL) whenever all are in sync again, while a topology writes keyed messages over six
 * partitions; then recounts. By hand, because it takes minutes:
 *
 *   KAFKA_NODES=3 KAFKA_PORT=29092 TESTBED_RUN=/tmp/three node --conditions=millrace-source --import tsx packages/connectors/redpanda/test/three-brokers.ts kafkajs 8
 */
import { writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { from, type Sink } from "@millrace/core";
import { Kafka, logLevel } from "kafkajs";
import { ensureTopic, kafkajs, redpandaSink } from "../src/index.js";
import { platformatic } from "../src/platformatic/index.js";
import { consume } from "./consume.js";
import { parseEnv, testbed } from "./testbed.js";

interface Event {
  readonly key: string;
  /** Of this key, from 0 on. */
  readonly sequence: number;
}

const [driverName = "kafkajs", killsWanted = "8", report] = process.argv.slice(2);
const driver = driverName === "platformatic" ? platformatic() : kafkajs();
const servers = ["kafka-1", "kafka-2", "kafka-3"];
const own = testbed({ KAFKA_NODES: "3" });
const topic = `three-brokers-${driverName}-${Date.now()}`;
const PARTITIONS = 6;
const KEYS = 60;
const began = Date.now();

await own("up");
const brokers = (parseEnv(await own("env")).KAFKA_BROKERS ?? "").split(",");
await ensureTopic({ brokers }, topic, { partitions: PARTITIONS, replicas: 3, config: { "min.insync.replicas": "2" } });

let done = false;
let sent = 0;
async function* events(): AsyncGenerator<Event> {
  for (let n = 0; !done; n++) {
    yield { key: `key-${n % KEYS}`, sequence: Math.floor(n / KEYS) };
    sent++;
    if (n % 200 === 199) await sleep(50);
  }
}

/** What the sink says is written. */
const acknowledged = new Set<string>();
const retried = { writes: 0, values: 0, classes: new Map<string, number>() };
const sink = watched(
  redpandaSink<Event>({
    brokers,
    topic,
    driver,
    encode: (event) => ({ key: event.key, value: JSON.stringify(event) }),
  }),
);

const run = from(events).to(sink).run();
const outcome = run.then(
  () => "completed",
  (error: unknown) => `FAILED: ${error instanceof Error ? error.message : error}`,
);
let ended: string | undefined;
void outcome.then((text) => {
  ended = text;
});
const kills: { broker: string; acknowledgedBefore: number; gapMs: number; inSyncMs: number }[] = [];
await sleep(2_000);
for (let n = 0; n < Number(killsWanted) && ended === undefined; n++) {
  const server = servers[n % servers.length] as string;
  await untilInSync();
  const before = acknowledged.size;
  const killedAt = Date.now();
  await own("kill", server);
  const gapMs = await longestGap(6_000);
  await own("up", server);
  await untilInSync();
  kills.push({ broker: server, acknowledgedBefore: before, gapMs, inSyncMs: Date.now() - killedAt });
  console.log(
    `kill ${n + 1}: ${server}, ${before} acknowledged before, longest gap ${gapMs} ms, in sync again after ${Date.now() - killedAt} ms`,
  );
}
done = true;
const how = await outcome;
await sleep(500);
const result = recount(await consume(brokers, topic));
const lines = [
  `# Three brokers, ${driverName}`,
  "",
  `Apache Kafka 4.3.1 as the peer of Redpanda, ${PARTITIONS} partitions, replication factor 3, min.insync.replicas 2, acks all, ${KEYS} keys; the next broker killed (SIGKILL) when all were in sync again. Node ${process.version}, ${cpus().length} cores, ${new Date(began).toISOString()}, ${Math.round((Date.now() - began) / 1000)} s.`,
  "",
  "| | |",
  "|---|---|",
  `| kills | ${kills.length} |`,
  `| the run | ${how} |`,
  `| values the sink was given | ${sent} |`,
  `| acknowledged | ${acknowledged.size} |`,
  `| acknowledged and not there | **${result.lost}** |`,
  `| keys whose order is not kept | **${result.disordered}** |`,
  `| messages in the topic | ${result.messages} |`,
  `| of them repeated (at-least-once) | ${result.repeated} |`,
  `| there though never acknowledged | ${result.extra} |`,
  `| writes with values to try again | ${retried.writes} (${retried.values} values: ${[...retried.classes].map(([name, count]) => `${name} ${count}`).join(", ")}) |`,
  "",
  "| killed | acknowledged before | longest gap between acknowledgements, ms | killed to all in sync, ms |",
  "|---|---|---|---|",
  ...kills.map(
    ({ broker, acknowledgedBefore, gapMs, inSyncMs }) =>
      `| ${broker} | ${acknowledgedBefore} | ${gapMs} | ${inSyncMs} |`,
  ),
  "",
];
console.log(lines.join("\n"));
if (report !== undefined) await writeFile(report, lines.join("\n"));
process.exit(
  result.lost === 0 && result.disordered === 0 && how === "completed" && kills.length >= Number(killsWanted) ? 0 : 1,
);

function watched(inner: Sink<Event>): Sink<Event> {
  return {
    ...inner,
    connect: async (context) => {
      const connection = await inner.connect(context);
      return {
        close: () => connection.close(),
        open: async (task, state) => {
          const writer = await connection.open(task, state);
          return {
            close: () => writer.close(),
            write: async (values, given) => {
              const outcomes = await writer.write(values, given);
              let again = 0;
              values.forEach((value, i) => {
                const one = outcomes?.[i];
                if (one === undefined || one === "written") acknowledged.add(`${value.key} ${value.sequence}`);
                else {
                  again++;
                  retried.classes.set(one.code, (retried.classes.get(one.code) ?? 0) + 1);
                }
              });
              if (again > 0) retried.writes++;
              retried.values += again;
              return outcomes;
            },
          };
        },
      };
    },
  };
}

/** The longest time without an acknowledgement within the next `ms`. */
async function longestGap(ms: number): Promise<number> {
  let [longest, last, size] = [0, Date.now(), acknowledged.size];
  for (const end = Date.now() + ms; Date.now() < end; ) {
    await sleep(20);
    if (acknowledged.size === size) continue;
    longest = Math.max(longest, Date.now() - last);
    last = Date.now();
    size = acknowledged.size;
  }
  return Math.max(longest, Date.now() - last);
}

async function untilInSync(): Promise<void> {
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    for (;;) {
      const found = await admin.fetchTopicMetadata({ topics: [topic] }).catch(() => undefined);
      const partitions = found?.topics[0]?.partitions ?? [];
      if (partitions.length === PARTITIONS && partitions.every(({ isr }) => isr.length === 3)) return;
      await sleep(200);
    }
  } finally {
    await admin.disconnect();
  }
}

function recount(messages: Awaited<ReturnType<typeof consume>>): {
  messages: number;
  lost: number;
  disordered: number;
  repeated: number;
  extra: number;
} {
  const text = new TextDecoder();
  const found = new Set<string>();
  const newest = new Map<string, number>();
  const disordered = new Set<string>();
  for (const { value } of messages) {
    const { key, sequence } = JSON.parse(text.decode(value)) as Event;
    const id = `${key} ${sequence}`;
    // A repeated message comes again in its order; only the first of each counts.
    if (found.has(id)) continue;
    found.add(id);
    if (sequence !== (newest.get(key) ?? -1) + 1) disordered.add(key);
    newest.set(key, Math.max(sequence, newest.get(key) ?? -1));
  }
  let lost = 0;
  for (const id of acknowledged) if (!found.has(id)) lost++;
  let extra = 0;
  for (const id of found) if (!acknowledged.has(id)) extra++;
  return {
    messages: messages.length,
    lost,
    disordered: disordered.size,
    repeated: messages.length - found.size,
    extra,
  };
}
