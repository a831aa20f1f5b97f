import { createRequire } from "node:module";
import { from, type Run, topology, WriteError } from "@millrace/core";
import { testSink } from "@millrace/core/testing";
import { Consumer } from "@platformatic/kafka";
import client from "kafkajs";
import { describe, expect, it, onTestFinished, type TestContext, vi } from "vitest";
import { Program } from "../../../../testbed/program.js";
import { deleteTopic, ensureTopic, redpandaSource } from "../src/index.js";
import { drivers, freshName, testBrokers } from "./brokers.js";
import { consume } from "./consume.js";
import { produce } from "./produce.js";
import { recount } from "./recount.js";

const { Kafka, logLevel } = client;
const brokers = testBrokers();
const text = new TextDecoder();
const originalJoin = Consumer.prototype.joinGroup;
/** Before there is a standby, before the active process ends, and after it. */
const [FIRST, SECOND, COUNT] = [500, 5_000, 6_000] as const;
const KEYS = 17;

/** Two processes of one task over all partitions: one works, the other stands by. */
async function handOver(
  name: string,
  { expect, onTestFailed, onTestFinished }: TestContext,
  end: (active: Program) => Promise<void>,
): Promise<void> {
  const [input, output, checkpoints, group] = ["in", "out", "state", "group"].map(freshName) as [
    string,
    string,
    string,
    string,
  ];
  await ensureTopic({ brokers }, input, { partitions: 3 });
  await ensureTopic({ brokers }, output, { partitions: 3 });
  const numbers = Array.from({ length: COUNT }, (_, n) => String(n));
  await produce(brokers, input, numbers.slice(0, FIRST));
  const start = (): Program => {
    const program = new Program(import.meta.url, "exactly-once", [
      name,
      brokers.join(","),
      input,
      output,
      checkpoints,
      group,
    ]);
    onTestFinished(() => program.kill());
    onTestFailed(() => console.log(program.output.slice(-2_000)));
    return program;
  };
  const active = start();
  expect(await active.printed(/seen [1-9]/), active.output).toBe(true);
  const standby = start();
  // It is in the group and has nothing.
  await standby.printed(/(seen 0 out 0\n){5}/);
  await produce(brokers, input, numbers.slice(FIRST, SECOND));
  const committed = async (): Promise<number> => (await consume(brokers, output)).length;
  await expect.poll(committed, { timeout: 60_000, interval: 100 }).toBeGreaterThan(FIRST);
  expect(standby.output).not.toMatch(/seen [1-9]/);
  await end(active);
  await produce(brokers, input, numbers.slice(SECOND));
  expect(await standby.printed(/seen [1-9]/), standby.output).toBe(true);
  await expect.poll(committed, { timeout: 60_000, interval: 500 }).toBeGreaterThanOrEqual(COUNT);
  standby.child.kill("SIGTERM");
  expect(await standby.ended, standby.output).toMatchObject({ code: 0 });
  await recount(brokers, output, COUNT, KEYS);
  for (const topic of [input, output, checkpoints]) await deleteTopic({ brokers }, topic);
}

// At once: each mostly waits.
describe.concurrent("one task, handed over to a standby with nothing lost and nothing twice", () => {
  for (const name of Object.keys(drivers)) {
    it(`when the active process is killed, ${name}`, (context) => handOver(name, context, (active) => active.kill()));

    it(`when the active process is stopped, ${name}`, (context) =>
      handOver(name, context, async (active) => {
        active.child.kill("SIGTERM");
        expect(await active.ended, active.output).toMatchObject({ code: 0 });
      }));
  }
});

/** Breaks what a member without partitions does next, for good; undone at the end of the test. */
const breakStandby: Readonly<Record<string, () => void>> = {
  kafkajs: () => {
    const { prototype } = createRequire(import.meta.url)("kafkajs/src/consumer/consumerGroup") as {
      prototype: { heartbeat(options: object): Promise<void>; assigned(): { partitions: number[] }[] };
    };
    const original = prototype.heartbeat;
    prototype.heartbeat = function broken(options): Promise<void> {
      if (this.assigned().some(({ partitions }) => partitions.length > 0)) return original.call(this, options);
      return Promise.reject(new TypeError("a bug in a heartbeat"));
    };
    onTestFinished(() => {
      prototype.heartbeat = original;
    });
  },
  platformatic: () => {
    // The broker refuses it in the group from now on, and its heartbeat is told so.
    for (const consumer of joined) {
      if (consumer.assignments?.some(({ partitions }) => partitions.length > 0)) continue;
      consumer.joinGroup = (() =>
        Promise.reject(new WriteError("fatal", "E_TEST", "a bug in a heartbeat"))) as typeof consumer.joinGroup;
      consumer.emit("error" as never, new Error("the client gave up") as never);
    }
  },
};
const joined = new Set<Consumer>();

for (const [name, driver] of Object.entries(drivers))
  it(`a standby fails when its consumer crashes, and the active run goes on, ${name}`, async () => {
    const topic = freshName("standby");
    const groupId = freshName("group");
    await ensureTopic({ brokers }, topic, { partitions: 2 });
    onTestFinished(() => deleteTopic({ brokers }, topic));
    const joinGroup = vi.spyOn(Consumer.prototype, "joinGroup").mockImplementation(function (this: Consumer, ...args) {
      joined.add(this);
      return originalJoin.apply(this, args as never) as never;
    });
    onTestFinished(() => joinGroup.mockRestore());
    const seen = testSink<string>();
    const decode = ({ value }: { readonly value: Uint8Array | undefined }): string => text.decode(value);
    const start = (): Run => {
      const source = redpandaSource({ brokers, driver, topic, groupId, sessionTimeoutMs: 6_000, decode });
      // Counts over all partitions, so there is one task.
      const values = from(source).take(1_000);
      return topology("standby", values.to(seen)).start({
        checkpoint: "none",
        logger: { debug() {}, info() {}, warn() {}, error() {} },
      });
    };
    const active = start();
    const failures: unknown[] = [];
    active.done.catch((error) => failures.push(error));
    await produce(brokers, topic, ["a"]);
    await expect.poll(() => seen.values, { timeout: 30_000 }).toEqual(["a"]);
    const standby = start();
    await expect.poll(() => members(groupId), { timeout: 30_000 }).toBe(2);
    breakStandby[name]?.();
    await expect(standby.done).rejects.toThrow(/crashed and does not come back: .*a bug in a heartbeat/);
    await produce(brokers, topic, ["b"]);
    await expect.poll(() => seen.values, { timeout: 30_000 }).toEqual(["a", "b"]);
    await active.stop();
    expect(failures).toEqual([]);
  });

async function members(groupId: string): Promise<number> {
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const { groups } = await admin.describeGroups([groupId]);
  await admin.disconnect();
  return groups[0]?.state === "Stable" ? groups[0].members.length : 0;
}
