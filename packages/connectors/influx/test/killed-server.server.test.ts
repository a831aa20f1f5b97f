import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as elapsed } from "node:timers/promises";
import { from } from "@millrace/core";
import { sinkChecks, sourceChecks, testSink } from "@millrace/core/testing";
import { afterAll, expect, it } from "vitest";
import { parseEnv, testbed } from "../../../../testbed/command-line.js";
import { flux, fluxSource, influxSink } from "../src/index.js";
import { freshBucket } from "./server.js";

/** A server of our own, which nobody else misses while it is dead. */
const folder = await mkdtemp(join(tmpdir(), "millrace-influx-"));
const own = testbed("influx", { TESTBED_RUN: folder, INFLUX_PORT: process.env.INFLUX_KILL_PORT ?? "28186" });
await own("up");
const { INFLUX_URL: url = "", INFLUX_TOKEN: token = "", INFLUX_ORG: org = "" } = parseEnv(await own("env"));
const server = { url, token, org };

async function killAndRestart(): Promise<void> {
  await own("kill");
  await own("up");
}

afterAll(async () => {
  await own("wipe");
  await rm(folder, { recursive: true, force: true });
});

it("what was acknowledged is there when the server is killed while a topology writes, and a reader reads on", async () => {
  const bucket = await freshBucket("killed", server);
  const total = 30_000;
  let emitted = 0;
  async function* values(): AsyncGenerator<number> {
    for (; emitted < total; emitted++) {
      yield emitted;
      if (emitted % 100 === 99) await elapsed(10);
    }
  }
  const retry = { attempts: 60, delay: "100ms", maxDelay: "1s" } as const;
  const start = Date.now();
  const read = testSink<number>();
  const reading = from(
    fluxSource({
      ...server,
      bucket: bucket.name,
      name: "points",
      start,
      // Behind the writer, which waits while the server is dead.
      lateness: "15s",
      decode: ({ _value }) => Number(_value),
    }),
  )
    .to(read)
    .start();
  const writing = from(values)
    .to(
      influxSink<number>({
        ...server,
        bucket: bucket.name,
        points: (n) => ({ measurement: "m", fields: { n: BigInt(n) }, time: start + n / 10 }),
      }),
      { batch: { size: 500 }, retry },
    )
    .start();
  let failed: unknown;
  for (const run of [reading, writing])
    run.done.catch((error: unknown) => {
      failed = error;
    });
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) {
      if (failed !== undefined) throw failed;
      await elapsed(20);
    }
  };
  for (const part of [0.25, 0.5, 0.75]) {
    await until(() => emitted >= total * part);
    await killAndRestart();
  }
  await writing.done;
  const there = (await bucket.rows()).map(({ _value }) => Number(_value));
  expect(there.length).toBe(total);
  expect(new Set(there).size).toBe(total);
  await until(() => read.values.length >= total);
  expect(new Set(read.values).size).toBe(total);
  await reading.stop();
}, 180_000);

/** The suites as a whole run on the testbed's server; here only what needs a kill. */
const killed = (checks: readonly { readonly name: string; run(): Promise<void> }[]): void => {
  for (const { name, run } of checks.filter((check) => check.name.includes("killed"))) it(name, run, 180_000);
};

killed(
  sinkChecks<string>({
    async setup() {
      const bucket = await freshBucket("sink", server);
      return {
        sink: () =>
          influxSink<string>({
            ...server,
            bucket: bucket.name,
            points: (text) => ({ measurement: "m", fields: { text }, time: 1 }),
          }),
        contents: async () => (await bucket.rows()).map(({ _value }) => String(_value)),
        teardown: () => bucket.delete(),
      };
    },
    sample: (index) => `value ${index}`,
    kill: killAndRestart,
  }),
);

killed(
  sourceChecks<string>({
    async setup(values) {
      const bucket = await freshBucket("source", server);
      let written = 0;
      const write = async (more: readonly string[]): Promise<void> => {
        const since = Date.now();
        await bucket.write(
          more.map((text, i) => ({ text, i: written + i, time: since + i })),
          ({ text, i, time }) => ({ measurement: "m", tags: { i: String(i) }, fields: { text }, time }),
        );
        written += more.length;
        await elapsed(400 + more.length);
      };
      const start = Date.now() - 1_000;
      await write(values);
      return {
        source: () =>
          fluxSource({
            ...server,
            bucket: bucket.name,
            name: "s",
            start,
            lateness: 400,
            pipe: flux`|> filter(fn: (r) => r._measurement == "m")`,
            decode: ({ _value }) => String(_value),
          }),
        append: write,
        teardown: () => bucket.delete(),
      };
    },
    sample: (index) => `value ${index}`,
    kill: killAndRestart,
  }),
);
