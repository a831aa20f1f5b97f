import { createRequire } from "node:module";
import { setTimeout as elapsed } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { from, type Message, type SourceBatch, type SourceConnection, type SourceReader } from "@millrace/core";
import { testContext, testSink } from "@millrace/core/testing";
import client from "kafkajs";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  type CompressionCodec,
  deleteTopic,
  ensureTopic,
  type RedpandaSourceOptions,
  redpandaSource,
} from "../src/index.js";
import { drivers, freshName, testBrokers } from "./brokers.js";
import { produce } from "./produce.js";

const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = client;
const brokers = testBrokers();
const text = new TextDecoder();
const table = new URL(
  "protocol/compression.js",
  pathToFileURL(createRequire(import.meta.url).resolve("@platformatic/kafka")),
);
const { compressionsAlgorithms } = (await import(table.href)) as {
  compressionsAlgorithms: { gzip: { decompressSync(data: Buffer): Buffer } };
};
const decode = ({ value }: Message): string => text.decode(value);

/** A topic that is there until the test ends. */
async function madeTopic(partitions: number): Promise<string> {
  const topic = freshName("trap");
  await ensureTopic({ brokers }, topic, { partitions });
  onTestFinished(() => deleteTopic({ brokers }, topic));
  return topic;
}

/** A member of a group whose listener notes what it holds. */
async function member<T>(options: Omit<RedpandaSourceOptions<T>, "brokers">): Promise<{
  connection: SourceConnection<T>;
  held: Set<string>;
  generation(): number;
  holds(count: number): Promise<void>;
}> {
  const connection = await redpandaSource<T>({ brokers, ...options }).connect(
    testContext({ taskMode: "per-partition" }),
  );
  onTestFinished(() => connection.close());
  const held = new Set<string>();
  let generation = 0;
  let wake = (): void => {};
  await connection.subscribe({
    assigned: async (partitions, number) => {
      for (const partition of partitions) held.add(partition);
      generation = number;
      wake();
    },
    lost: async (partitions, number) => {
      for (const partition of partitions) held.delete(partition);
      generation = number;
      wake();
    },
  });
  const holds = async (count: number): Promise<void> => {
    while (held.size !== count)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
  };
  return { connection, held, generation: () => generation, holds };
}

async function readUntil<T>(reader: SourceReader<T>, count: number): Promise<T[]> {
  const values: T[] = [];
  while (values.length < count) {
    const batch = await reader.read();
    if (batch === undefined) break;
    values.push(...batch.values);
  }
  return values;
}

const numbered = (count: number, size = 0): string[] =>
  Array.from({ length: count }, (_, i) => `${i}`.padEnd(size, "."));

for (const [name, driver] of Object.entries(drivers))
  describe(name, () => {
    it("an idle connection arms no timer again and again", async () => {
      const connection = driver({ brokers });
      await connection.connect();
      onTestFinished(() => connection.close());
      await connection.admin.topics();
      await elapsed(50);
      const original = globalThis.setTimeout;
      let armed = 0;
      globalThis.setTimeout = ((...args: Parameters<typeof original>) => {
        armed++;
        return original(...args);
      }) as typeof original;
      onTestFinished(() => {
        globalThis.setTimeout = original;
      });
      await new Promise((resolve) => original(resolve, 1_000));
      expect(armed).toBeLessThan(20);
    });

    it("a partition that is lost while it is paused, and comes back, is read on", async () => {
      const topic = await madeTopic(2);
      const groupId = freshName("group");
      await produce(brokers, topic, numbered(3_000, 1_000));
      const one = await member({ driver, topic, groupId, decode, bufferBytes: 1 });
      expect([...one.held].sort()).toEqual(["0", "1"]);
      // Nobody reads them: they are full, and paused.
      for (const partition of one.held) await one.connection.open(partition, undefined);
      await elapsed(1_000);
      const other = await member({ driver, topic, groupId, decode });
      await one.holds(1);
      expect(other.held.size).toBe(1);
      const [moved] = other.held;
      await other.connection.close();
      await one.holds(2);
      const reader = await one.connection.open(moved as string, undefined);
      expect((await readUntil(reader, 1_200)).length).toBeGreaterThanOrEqual(1_200);
    });

    it("a consumer that crashes for good fails its run", async () => {
      const topic = await madeTopic(1);
      const seen = testSink<string>();
      const run = from(redpandaSource({ brokers, driver, topic, groupId: freshName("group"), decode }))
        .to(seen)
        .start({ logger: { debug() {}, info() {}, warn() {}, error() {} } });
      await produce(brokers, topic, ["sound"]);
      await expect.poll(() => seen.values, { timeout: 30_000 }).toEqual(["sound"]);
      breakGzip(new TypeError("a bug in a codec"));
      const producer = new Kafka({ brokers, logLevel: logLevel.NOTHING }).producer();
      await producer.connect();
      await producer.send({ topic, compression: CompressionTypes.GZIP, messages: [{ value: "x" }] });
      await producer.disconnect();
      await expect(run.done).rejects.toThrow(/crashed and does not come back: .*a bug in a codec/);
    });

    it("a commit of a partition that was lost meanwhile does not reach the broker", async () => {
      const topic = await madeTopic(2);
      const groupId = freshName("group");
      await produce(brokers, topic, numbered(100));
      const one = await member({ driver, topic, groupId, decode });
      const before = one.generation();
      await one.connection.commit?.(
        new Map([
          ["0", "5"],
          ["1", "5"],
        ]),
        before,
      );
      const other = await member({ driver, topic, groupId, decode });
      await one.holds(1);
      const [moved] = other.held;
      await other.connection.commit?.(new Map([[moved as string, "20"]]), other.generation());
      await one.connection.commit?.(new Map([[moved as string, "7"]]), before);
      await one.connection.commit?.(new Map([[moved as string, "7"]]), one.generation());
      expect(await other.connection.committed?.(moved as string)).toBe("20");
    });

    it("messages that retention deletes before they are read fail the source, and the committed position stays", async () => {
      const topic = await madeTopic(1);
      const groupId = freshName("group");
      await produce(brokers, topic, numbered(4_000, 1_000));
      const one = await member({ driver, topic, groupId, decode, bufferBytes: 1 });
      const reader = await one.connection.open("0", undefined);
      const first = (await reader.read()) as SourceBatch<string>;
      await one.connection.commit?.(new Map([["0", "10"]]), one.generation());
      await deleteBefore(topic, 3_990);
      await expect(readUntil(reader, 4_000)).rejects.toThrow(/E_REDPANDA_RANGE.*it holds 3990 to 4000/);
      expect(first.values.length).toBeGreaterThan(0);
      expect(await one.connection.committed?.("0")).toBe("10");
      await expect(one.connection.open("0", "10")).rejects.toThrow(/E_REDPANDA_RANGE.*Retention/);
      await expect(one.connection.open("0", "4001")).rejects.toThrow(/E_REDPANDA_RANGE.*made anew/);
    });

    it('goes on behind deleted messages with onOutOfRange: "earliest"', async () => {
      const topic = await madeTopic(1);
      await produce(brokers, topic, numbered(4_000, 1_000));
      const one = await member({
        driver,
        topic,
        groupId: freshName("group"),
        decode,
        bufferBytes: 1,
        onOutOfRange: "earliest",
      });
      const reader = await one.connection.open("0", undefined);
      await reader.read();
      await deleteBefore(topic, 3_990);
      const seen: string[] = [];
      while (!seen.some((value) => value.startsWith("3999."))) seen.push(...((await reader.read())?.values ?? []));
      expect(seen.slice(-10).map((value) => Number.parseInt(value, 10))).toEqual([
        3990, 3991, 3992, 3993, 3994, 3995, 3996, 3997, 3998, 3999,
      ]);
    });

    it("a paused partition goes on within half a second", async () => {
      const topic = await madeTopic(1);
      await produce(brokers, topic, numbered(6_000, 1_000));
      const one = await member({ driver, topic, groupId: freshName("group"), decode, bufferBytes: 1 });
      const reader = await one.connection.open("0", undefined);
      const readAll = async (): Promise<number> => {
        const began = performance.now();
        await readUntil(reader, 3_000);
        return performance.now() - began;
      };
      await elapsed(1_500);
      // Several pauses and resumes, and each would take 5 s.
      expect(await readAll()).toBeLessThan(3_000);
    });

    it("a value that is kept keeps only its own bytes, or 8 KB", async () => {
      const topic = await madeTopic(1);
      await produce(brokers, topic, numbered(2_000, 300));
      const one = await member({
        driver,
        topic,
        groupId: freshName("group"),
        decode: ({ key, value }) => ({ key, value }),
      });
      const reader = await one.connection.open("0", undefined);
      for (const { key, value } of await readUntil(reader, 2_000)) {
        expect(key?.buffer.byteLength).toBeLessThanOrEqual(8_192);
        expect(value?.buffer.byteLength).toBeLessThanOrEqual(8_192);
      }
    });

    it("a topic that is not there is told at once", async () => {
      const began = performance.now();
      await expect(
        redpandaSource({ brokers, driver, topic: freshName("none"), decode }).connect(testContext()),
      ).rejects.toThrow(/there is no topic/);
      await expect(
        redpandaSource({ brokers, driver, topic: /millrace-test.none.*/, decode }).connect(testContext()),
      ).rejects.toThrow(/no topic matches/);
      await expect(
        redpandaSource({ brokers: ["127.0.0.1:9"], driver, topic: "any", decode }).connect(testContext()),
      ).rejects.toThrow(/can not be reached/);
      expect(performance.now() - began).toBeLessThan(10_000);
    });
  });

/** Of both clients, until the test ends. */
function breakGzip(error: Error): void {
  const { GZIP } = CompressionTypes;
  const codecs = CompressionCodecs as Record<number, () => CompressionCodec>;
  const sound = codecs[GZIP] as () => CompressionCodec;
  codecs[GZIP] = () => ({ ...sound(), decompress: () => Promise.reject(error) });
  const { gzip } = compressionsAlgorithms;
  const { decompressSync } = gzip;
  gzip.decompressSync = () => {
    throw error;
  };
  onTestFinished(() => {
    codecs[GZIP] = sound;
    gzip.decompressSync = decompressSync;
  });
}

async function deleteBefore(topic: string, offset: number): Promise<void> {
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  // Which loads what the next call needs.
  await admin.fetchTopicOffsets(topic);
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(offset) }] });
  await admin.disconnect();
}
