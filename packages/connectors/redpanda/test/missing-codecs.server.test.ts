import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { from } from "@millrace/core";
import { testContext, testSink } from "@millrace/core/testing";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import {
  type Compression,
  deleteTopic,
  ensureTopic,
  kafkajs,
  redpandaSink,
  redpandaSource,
  registerCodec,
} from "../src/index.js";
import { platformatic } from "../src/platformatic/index.js";
import { drivers, freshName, testBrokers } from "./brokers.js";
import { produceByJava } from "./compressed.js";

const notThere = (): never => {
  throw new Error("Cannot find package");
};
vi.mock("snappy", () => notThere());
vi.mock("@hpcc-js/wasm-zstd", () => notThere());
const require = createRequire(import.meta.url);
/** A Node that has no zstd either. */
Object.assign(require("node:zlib"), { zstdCompressSync: undefined, zstdDecompressSync: undefined });
/** And batches that neither client can read. */
const broken = new Error("a broken batch");
registerCodec("lz4", { compress: async ({ buffer }) => buffer, decompress: () => Promise.reject(broken) });
const table = new URL("protocol/compression.js", pathToFileURL(require.resolve("@platformatic/kafka")));
const { compressionsAlgorithms } = (await import(table.href)) as { compressionsAlgorithms: Record<string, object> };
Object.assign(compressionsAlgorithms.lz4 as object, {
  decompressSync: () => {
    throw broken;
  },
});

const brokers = testBrokers();
const byJava = new Map<Compression, string>();
const decode = (): string => "";

beforeAll(async () => {
  for (const codec of ["snappy", "zstd"] as const) {
    const topic = freshName(`missing-${codec}`);
    await ensureTopic({ brokers }, topic, { partitions: 1 });
    byJava.set(codec, topic);
  }
  await produceByJava(brokers, 10, byJava);
});

afterAll(async () => {
  for (const topic of byJava.values()) await deleteTopic({ brokers }, topic);
});

for (const [name, driver, codec, wanted] of [
  ["kafkajs", kafkajs(), "snappy", /compression "snappy" needs the package "snappy": npm install snappy/],
  ["kafkajs", kafkajs(), "zstd", /Node 22.15 or newer, or the package .*npm install @hpcc-js\/wasm-zstd/],
  ["platformatic", platformatic(), "zstd", /Node 22.15 or newer, or the package .*npm install @hpcc-js\/wasm-zstd/],
] as const) {
  const topic = (): string => byJava.get(codec) as string;

  it(`${name}: a sink whose ${codec} is not there is refused at open, and told what to install`, async () => {
    const sink = redpandaSink<string>({
      brokers,
      driver,
      topic: topic(),
      compression: codec,
      encode: () => ({ value: "" }),
    });
    const error = await sink.connect(testContext()).catch((refused: unknown) => refused);
    expect(error).toMatchObject({ class: "fatal", code: "E_REDPANDA_CODEC", message: expect.stringMatching(wanted) });
  });

  it(`${name}: a source at messages of ${codec} is refused at open, and told what to install`, async () => {
    const source = redpandaSource({ brokers, driver, topic: topic(), groupId: freshName("group"), decode });
    const connection = await source.connect(testContext());
    await connection.subscribe({ assigned: async () => {}, lost: async () => {} });
    const error = await connection.open("0", undefined).catch((refused: unknown) => refused);
    await connection.close();
    expect(error).toMatchObject({ class: "fatal", code: "E_REDPANDA_CODEC", message: expect.stringMatching(wanted) });
  });

  it(`${name}: a topic that the broker compresses by ${codec} is refused before anything is in it`, async () => {
    const empty = freshName("empty");
    await ensureTopic({ brokers }, empty, { partitions: 1, config: { "compression.type": codec } });
    const source = redpandaSource({ brokers, driver, topic: empty, decode });
    await expect(source.connect(testContext())).rejects.toThrow(wanted);
    await deleteTopic({ brokers }, empty);
  });
}

it("a codec that Kafka does not have is refused", () => {
  const compression = "brotli" as Compression;
  expect(() => redpandaSink({ brokers, topic: "t", compression, encode: () => ({ value: "" }) })).toThrow(/"brotli"/);
});

for (const [name, driver] of Object.entries(drivers))
  it(`${name}: messages that can not be decompressed fail the run instead of being asked for for ever`, async () => {
    const topic = freshName("broken");
    await ensureTopic({ brokers }, topic, { partitions: 1 });
    const seen = testSink<string>();
    const run = from(redpandaSource({ brokers, driver, topic, groupId: freshName("group"), decode }))
      .to(seen)
      .start({ logger: { debug() {}, info() {}, warn() {}, error() {} } });
    const write = (compression: Compression): Promise<unknown> =>
      from(["a"])
        .to(
          redpandaSink<string>({ brokers, driver: platformatic(), topic, compression, encode: (value) => ({ value }) }),
        )
        .run();
    await write("none");
    await expect.poll(() => seen.values.length, { timeout: 30_000 }).toBe(1);
    await write("lz4");
    await expect(run.done).rejects.toThrow(/compressed by lz4 can not be decompressed: a broken batch/);
    await deleteTopic({ brokers }, topic);
  });
