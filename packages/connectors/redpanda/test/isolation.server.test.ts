import { createRequire } from "node:module";
import { from } from "@millrace/core";
import { testContext } from "@millrace/core/testing";
import client from "kafkajs";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  type DriverFactory,
  deleteTopic,
  ensureTopic,
  globalTable,
  kafkajs,
  redpandaSink,
  redpandaSource,
} from "../src/index.js";
import { drivers, freshName, testBrokers } from "./brokers.js";

const { Kafka, KafkaJSNonRetriableError, logLevel } = client;
const brokers = testBrokers();
const text = new TextDecoder();

async function madeTopic(config: Readonly<Record<string, string>> = {}): Promise<string> {
  const topic = freshName("isolation");
  await ensureTopic({ brokers }, topic, { partitions: 1, config });
  onTestFinished(() => deleteTopic({ brokers }, topic));
  return topic;
}

async function read(
  driver: DriverFactory,
  topic: string,
  isolation?: "read_committed" | "read_uncommitted",
): Promise<string[]> {
  const source = redpandaSource({
    brokers,
    driver,
    topic,
    groupId: freshName("group"),
    stopAt: "latest",
    ...(isolation && { isolation }),
    decode: ({ value }) => text.decode(value),
  });
  return from(source).collect();
}

for (const [name, driver] of Object.entries(drivers))
  describe(name, () => {
    it("messages of aborted and open transactions are not seen, unless they are asked for", async () => {
      const topic = await madeTopic();
      const kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING });
      const open = async (): Promise<(what: "commit" | "abort" | "leave", ...values: string[]) => Promise<void>> => {
        const producer = kafka.producer({ transactionalId: freshName("id"), idempotent: true, maxInFlightRequests: 1 });
        await producer.connect();
        onTestFinished(() => producer.disconnect());
        return async (what, ...values) => {
          const transaction = await producer.transaction();
          for (const value of values) await transaction.send({ topic, messages: [{ value }] });
          if (what === "commit") await transaction.commit();
          if (what === "abort") await transaction.abort();
        };
      };
      const one = await open();
      const other = await open();
      await one("abort", "aborted 1", "aborted 2");
      await one("commit", "committed 1");
      await one("abort", "aborted 3");
      await one("abort", "aborted 4");
      await other("commit", "committed 2");
      await one("commit", "committed 3");
      await other("leave", "open");
      expect(await read(driver, topic)).toEqual(["committed 1", "committed 2", "committed 3"]);
      expect(await read(driver, topic, "read_uncommitted")).toEqual([
        "aborted 1",
        "aborted 2",
        "committed 1",
        "aborted 3",
        "aborted 4",
        "committed 2",
        "committed 3",
        "open",
      ]);
    });

    it("an idempotent producer loses nothing after a request that is refused", async () => {
      const topic = await madeTopic({ "max.message.bytes": "10000" });
      const connection = driver({ brokers });
      await connection.connect();
      onTestFinished(() => connection.close());
      const producer = await connection.producer({ idempotent: true, compression: "none", timeoutMs: 10_000 });
      const send = (value: string): Promise<void> =>
        producer.send({ topic, partition: 0 }, [
          { key: null, value: new TextEncoder().encode(value), headers: {}, timestamp: undefined },
        ]);
      await send("1");
      await expect(send("x".repeat(20_000))).rejects.toThrow();
      await send("2");
      await expect(send("x".repeat(20_000))).rejects.toThrow();
      await send("3");
      await producer.close();
      expect(await read(driver, topic)).toEqual(["1", "2", "3"]);
    });

    it("topics are made once, with their settings, and deleted", async () => {
      const topic = freshName("admin");
      const connection = { brokers, driver };
      const config = { "retention.ms": "3600000", "cleanup.policy": "compact" };
      expect(await ensureTopic(connection, topic, { partitions: 5, config })).toBe(true);
      expect(await ensureTopic(connection, topic, { partitions: 7 })).toBe(false);
      const found = driver({ brokers });
      await found.connect();
      onTestFinished(() => found.close());
      expect(await found.admin.partitions(topic)).toEqual([0, 1, 2, 3, 4]);
      expect((await found.admin.config(topic)).get("cleanup.policy")).toBe("compact");
      await deleteTopic(connection, topic);
      await expect.poll(() => found.admin.partitions(topic)).toBeUndefined();
      await expect(deleteTopic(connection, topic)).rejects.toThrow();
    });

    it("a sink, a table and a store without their topic or with a wrong one fail at once", async () => {
      const began = performance.now();
      const topic = freshName("none");
      const sink = redpandaSink<string>({ brokers, driver, topic, encode: (value) => ({ value }) });
      await expect(sink.connect(testContext())).rejects.toMatchObject({ class: "fatal", code: "E_REDPANDA_TOPIC" });
      const table = globalTable({ brokers, driver, topic, key: String, decode: () => 1 });
      await expect(table.connect?.(testContext())).rejects.toMatchObject({ code: "E_REDPANDA_TOPIC" });
      expect(performance.now() - began).toBeLessThan(8_000);
    });

    it("a table fails its lookups where a message can not be decoded or there are too many keys", async () => {
      const topic = await madeTopic();
      const keys = ["a", "b", "c"];
      await from(keys)
        .to(redpandaSink<string>({ brokers, driver, topic, encode: (key) => ({ key, value: "not a number" }) }))
        .run();
      const key = (bytes: Uint8Array): string => text.decode(bytes);
      const decode = (): number => {
        throw new Error("it is not a number");
      };
      const broken = globalTable({ brokers, driver, topic, key, decode });
      await expect(broken.connect?.(testContext())).rejects.toThrow(/E_REDPANDA_TABLE.*it is not a number/);
      await broken.close?.();
      const full = globalTable({ brokers, driver, topic, key, decode: () => 1, maxKeys: 2 });
      await expect(full.connect?.(testContext())).rejects.toThrow(/E_REDPANDA_TABLE.*more than 2 keys/);
      await full.close?.();
    });
  });

/** The broker writes the messages of the next request, and kafkajs does not hear of it. */
function loseNextAnswer(): void {
  const { prototype } = createRequire(import.meta.url)("kafkajs/src/broker") as {
    prototype: { produce(request: object): Promise<object> };
  };
  const original = prototype.produce;
  prototype.produce = async function lost(request): Promise<object> {
    prototype.produce = original;
    await original.call(this, request);
    throw new KafkaJSNonRetriableError("the answer is lost");
  };
}

/** kafkajs takes its sequence number back when a send fails, also when the messages were written and only the answer was lost. */
it("kafkajs, idempotent: messages after a send whose answer was lost are not taken for repetitions", async () => {
  const topic = await madeTopic();
  const connection = kafkajs()({ brokers });
  await connection.connect();
  onTestFinished(() => connection.close());
  const producer = await connection.producer({ idempotent: true, compression: "none", timeoutMs: 10_000 });
  const send = (value: string): Promise<void> =>
    producer.send({ topic, partition: 0 }, [
      { key: null, value: new TextEncoder().encode(value), headers: {}, timestamp: undefined },
    ]);
  await send("1");
  loseNextAnswer();
  await expect(send("2")).rejects.toThrow(/the answer is lost/);
  await send("3");
  await producer.close();
  expect(await read(kafkajs(), topic)).toEqual(["1", "2", "3"]);
});
