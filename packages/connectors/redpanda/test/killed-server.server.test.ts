import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as elapsed } from "node:timers/promises";
import { from } from "@millrace/core";
import { sinkChecks, sourceChecks, testSink } from "@millrace/core/testing";
import { afterAll, expect, it } from "vitest";
import { deleteTopic, ensureTopic, redpandaSink, redpandaSource } from "../src/index.js";
import { freshName } from "./brokers.js";
import { consume } from "./consume.js";
import { produce } from "./produce.js";
import { parseEnv, testbed } from "./testbed.js";

/** A server of our own, which nobody else misses while it is dead. */
const folder = await mkdtemp(join(tmpdir(), "millrace-redpanda-"));
const own = testbed({ TESTBED_RUN: folder, KAFKA_NODES: "1", KAFKA_PORT: process.env.KAFKA_KILL_PORT ?? "38092" });
await own("up");
const { KAFKA_BROKERS = "" } = parseEnv(await own("env"));
const brokers = [KAFKA_BROKERS];
const text = new TextDecoder();

async function killAndRestart(): Promise<void> {
  await own("kill");
  await own("up");
}

afterAll(async () => {
  await own("wipe");
  await rm(folder, { recursive: true, force: true });
});

it("what was acknowledged is there when the server is killed while a topology writes, and a reader reads on", async () => {
  const topic = freshName("killed");
  await ensureTopic({ brokers }, topic, { partitions: 3 });
  const acknowledged = 40_000;
  let emitted = 0;
  async function* values(): AsyncGenerator<string> {
    for (; emitted < acknowledged; emitted++) {
      yield `value ${emitted}`;
      if (emitted % 100 === 99) await elapsed(10);
    }
  }
  const read = testSink<string>();
  const reading = from(
    redpandaSource({
      brokers,
      topic,
      sessionTimeoutMs: 6_000,
      groupId: freshName("group"),
      decode: ({ value }) => text.decode(value),
    }),
  )
    .to(read)
    .start();
  let failed: unknown;
  const untilEmitted = async (count: number): Promise<void> => {
    while (emitted < count) {
      if (failed !== undefined) throw failed;
      await elapsed(20);
    }
  };
  const writing = from(values)
    .to(redpandaSink<string>({ brokers, topic, encode: (value) => ({ key: value, value }) }), {
      retry: { attempts: 30, delay: "100ms", maxDelay: "2s" },
    })
    .start();
  for (const run of [reading, writing])
    run.done.catch((error) => {
      failed = error;
    });
  await untilEmitted(acknowledged / 4);
  await killAndRestart();
  await untilEmitted(acknowledged / 2);
  await killAndRestart();
  await writing.done;
  const there = new Set((await consume(brokers, topic)).map(({ value }) => text.decode(value)));
  expect(there.size).toBe(acknowledged);
  while (new Set(read.values).size < acknowledged) {
    if (failed !== undefined) throw failed;
    await elapsed(100);
  }
  await reading.stop();
}, 180_000);

/** The suites as a whole run on the testbed's server; here only what needs a kill. */
const killed = (checks: readonly { readonly name: string; run(): Promise<void> }[]): void => {
  for (const { name, run } of checks.filter((check) => check.name.includes("killed"))) it(name, run, 180_000);
};

killed(
  sourceChecks<string>({
    async setup(values) {
      const topic = freshName("source");
      await ensureTopic({ brokers }, topic, { partitions: 2 });
      await produce(brokers, topic, values);
      return {
        // A group of its own each time: a member that died with the server keeps its place in the old one for a while.
        source: () =>
          redpandaSource({ brokers, topic, groupId: freshName("group"), decode: ({ value }) => text.decode(value) }),
        append: (more) => produce(brokers, topic, more),
        teardown: () => deleteTopic({ brokers }, topic),
      };
    },
    sample: (index) => `value ${index}`,
    kill: killAndRestart,
  }),
);

killed(
  sinkChecks<string>({
    async setup() {
      const topic = freshName("sink");
      await ensureTopic({ brokers }, topic, { partitions: 2 });
      return {
        sink: () => redpandaSink<string>({ brokers, topic, encode: (value) => ({ key: value, value }) }),
        contents: async () => (await consume(brokers, topic)).map(({ value }) => text.decode(value)),
        teardown: () => deleteTopic({ brokers }, topic),
      };
    },
    sample: (index) => `value ${index}`,
    kill: killAndRestart,
  }),
);
