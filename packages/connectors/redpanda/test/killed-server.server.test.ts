import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as elapsed } from "node:timers/promises";
import { from } from "@millrace/core";
import { sinkChecks, sourceChecks, testSink } from "@millrace/core/testing";
import { afterAll, expect, it } from "vitest";
import { type DriverFactory, deleteTopic, ensureTopic, redpandaSink, redpandaSource } from "../src/index.js";
import { drivers, freshName } from "./brokers.js";
import { consume } from "./consume.js";
import { produce } from "./produce.js";
import { parseEnv, testbed } from "./testbed.js";

/** A server of our own, which nobody else misses while it is dead. */
const folder = await mkdtemp(join(tmpdir(), "millrace-redpanda-"));
const own = testbed({ TESTBED_RUN: folder, KAFKA_NODES: "1", KAFKA_PORT: process.env.KAFKA_KILL_PORT ?? "28092" });
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

const ACKNOWLEDGED = 40_000;

/** A topology that writes a topic and one that reads it, with a driver. */
async function traffic(driver: DriverFactory): Promise<{
  emitted(count: number): Promise<void>;
  recount(): Promise<void>;
}> {
  const topic = freshName("killed");
  await ensureTopic({ brokers }, topic, { partitions: 3 });
  let emitted = 0;
  async function* values(): AsyncGenerator<string> {
    for (; emitted < ACKNOWLEDGED; emitted++) {
      yield `value ${emitted}`;
      if (emitted % 100 === 99) await elapsed(10);
    }
  }
  const read = testSink<string>();
  const decode = ({ value }: { readonly value: Uint8Array | undefined }): string => text.decode(value);
  const reading = from(
    redpandaSource({ brokers, driver, topic, sessionTimeoutMs: 6_000, groupId: freshName("group"), decode }),
  )
    .to(read)
    .start();
  const sink = redpandaSink<string>({ brokers, driver, topic, encode: (value) => ({ key: value, value }) });
  const writing = from(values)
    .to(sink, { retry: { attempts: 30, delay: "100ms", maxDelay: "2s" } })
    .start();
  let failed: unknown;
  for (const run of [reading, writing])
    run.done.catch((error) => {
      failed = error;
    });
  const until = async (done: () => boolean): Promise<void> => {
    while (!done()) {
      if (failed !== undefined) throw failed;
      await elapsed(50);
    }
  };
  return {
    emitted: (count) => until(() => emitted >= count),
    recount: async () => {
      await writing.done;
      const there = new Set((await consume(brokers, topic)).map(({ value }) => text.decode(value)));
      expect(there.size).toBe(ACKNOWLEDGED);
      await until(() => new Set(read.values).size >= ACKNOWLEDGED);
      // A consumer that kafkajs begins anew is in the group only when its former self has timed out.
      await reading.stop({ timeout: "2m" });
    },
  };
}

it("what was acknowledged is there when the server is killed while topologies write, and readers read on, with both drivers", async () => {
  const all = await Promise.all(Object.values(drivers).map(traffic));
  for (const part of [4, 2]) {
    await Promise.all(all.map(({ emitted }) => emitted(ACKNOWLEDGED / part)));
    await killAndRestart();
  }
  for (const { recount } of all) await recount();
}, 180_000);

/** The suites as a whole run on the testbed's server; here only what needs a kill. */
const killed = (driver: string, checks: readonly { readonly name: string; run(): Promise<void> }[]): void => {
  for (const { name, run } of checks.filter((check) => check.name.includes("killed")))
    it(`${name}, ${driver}`, run, 180_000);
};

for (const [client, driver] of Object.entries(drivers)) {
  killed(
    client,
    sourceChecks<string>({
      async setup(values) {
        const topic = freshName("source");
        await ensureTopic({ brokers }, topic, { partitions: 2 });
        await produce(brokers, topic, values);
        return {
          // A group of its own each time: a member that died with the server keeps its place in the old one for a while.
          source: () =>
            redpandaSource({
              brokers,
              driver,
              topic,
              groupId: freshName("group"),
              decode: ({ value }) => text.decode(value),
            }),
          append: (more) => produce(brokers, topic, more),
          teardown: () => deleteTopic({ brokers }, topic),
        };
      },
      sample: (index) => `value ${index}`,
      kill: killAndRestart,
    }),
  );

  killed(
    client,
    sinkChecks<string>({
      async setup() {
        const topic = freshName("sink");
        await ensureTopic({ brokers }, topic, { partitions: 2 });
        return {
          sink: () => redpandaSink<string>({ brokers, driver, topic, encode: (value) => ({ key: value, value }) }),
          contents: async () => (await consume(brokers, topic)).map(({ value }) => text.decode(value)),
          teardown: () => deleteTopic({ brokers }, topic),
        };
      },
      sample: (index) => `value ${index}`,
      kill: killAndRestart,
    }),
  );
}
