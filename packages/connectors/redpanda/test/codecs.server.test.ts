import { from, topology } from "@millrace/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Compression,
  type DriverFactory,
  deleteTopic,
  ensureTopic,
  redpandaCheckpoints,
  redpandaSink,
  redpandaSource,
} from "../src/index.js";
import { drivers, freshName, testBrokers } from "./brokers.js";
import { COMPRESSIONS, compressionOf, javaValue, produceByJava } from "./compressed.js";

const brokers = testBrokers();
const text = new TextDecoder();
const COUNT = 8_000;
const made: string[] = [];
/** What Kafka's own producer wrote. */
const byJava = new Map<Compression, string>();

async function madeTopic(name: string): Promise<string> {
  const topic = freshName(name);
  await ensureTopic({ brokers }, topic, { partitions: 1 });
  made.push(topic);
  return topic;
}

function read(topic: string, driver: DriverFactory): Promise<string[]> {
  const decode = ({ value }: { readonly value: Uint8Array | undefined }): string => text.decode(value);
  return from(
    redpandaSource({ brokers, driver, topic, groupId: freshName("group"), stopAt: "latest", decode }),
  ).collect();
}

beforeAll(async () => {
  for (const codec of COMPRESSIONS) if (codec !== "none") byJava.set(codec, await madeTopic(`java-${codec}`));
  await produceByJava(brokers, COUNT, byJava);
});

afterAll(async () => {
  for (const topic of made) await deleteTopic({ brokers }, topic);
});

const values = Array.from({ length: COUNT }, (_, n) => javaValue(n));

for (const [name, driver] of Object.entries(drivers))
  describe(name, () => {
    for (const codec of COMPRESSIONS) {
      if (codec !== "none")
        it(`reads what Kafka's own producer has compressed by ${codec}`, async () => {
          expect(await compressionOf(brokers, byJava.get(codec) as string)).toBe(codec);
          expect(await read(byJava.get(codec) as string, driver)).toEqual(values);
        });

      it(`writes by ${codec} what the broker keeps so and every driver reads`, async () => {
        const topic = await madeTopic(codec);
        await from(values)
          .to(redpandaSink<string>({ brokers, driver, topic, compression: codec, encode: (value) => ({ value }) }))
          .run();
        expect(await compressionOf(brokers, topic)).toBe(codec);
        for (const reader of Object.values(drivers)) expect(await read(topic, reader)).toEqual(values);
      });
    }

    it("compresses in the transaction of a checkpoint too", async () => {
      const topic = await madeTopic("transaction");
      const store = freshName("store");
      made.push(store);
      const sink = redpandaSink<string>({
        brokers,
        driver,
        topic,
        compression: "lz4",
        encode: (value) => ({ value }),
      });
      await topology("compressed", from(values).to(sink)).run({
        checkpoint: { every: "1s", store: redpandaCheckpoints({ brokers, driver, topic: store, partitions: 1 }) },
      });
      expect(await compressionOf(brokers, topic)).toBe("lz4");
      expect(await read(topic, driver)).toEqual(values);
    });
  });
