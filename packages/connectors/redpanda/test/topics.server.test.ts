import { from, topology } from "@millrace/core";
import { testContext, testSink } from "@millrace/core/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  deleteTopic,
  ensureTopic,
  globalTable,
  redpandaCheckpoints,
  redpandaSink,
  redpandaSource,
  redpandaTopic,
} from "../src/index.js";
import { drivers, freshName, testBrokers } from "./brokers.js";
import { consume } from "./consume.js";
import { produce } from "./produce.js";

const brokers = testBrokers();
const text = new TextDecoder();

async function madeTopic(name: string, partitions: number): Promise<string> {
  const topic = freshName(name);
  await ensureTopic({ brokers }, topic, { partitions });
  onTestFinished(() => deleteTopic({ brokers }, topic));
  return topic;
}

for (const [name, driver] of Object.entries(drivers))
  describe(name, () => {
    it("several topics, by name and by pattern, are one source", async () => {
      const one = await madeTopic("orders-eu", 2);
      const other = await madeTopic("orders-us", 1);
      await produce(brokers, one, ["a", "b", "c"]);
      await produce(brokers, other, ["d", "e"]);
      const prefix = one.slice(0, one.indexOf("orders-"));
      const suffix = one
        .slice(one.indexOf("orders-eu") + 9)
        .split(".")
        .slice(0, 2)
        .join(".");
      const read = (topic: RegExp | readonly string[]): Promise<string[]> =>
        from(
          redpandaSource({
            brokers,
            driver,
            topic,
            name: "orders",
            groupId: freshName("group"),
            stopAt: "latest",
            decode: ({ value, partition }) =>
              `${partition.split("/")[0] === other ? "us" : "eu"} ${text.decode(value)}`,
          }),
        ).collect();
      const wanted = ["eu a", "eu b", "eu c", "us d", "us e"];
      expect((await read([one, other])).sort()).toEqual(wanted);
      expect((await read(new RegExp(`${prefix}orders-(eu|us)${suffix}.*`))).sort()).toEqual(wanted);
    });

    it("begins at a time, at the end, or at given offsets", async () => {
      const topic = await madeTopic("start", 1);
      await from(Array.from({ length: 10 }, (_, i) => i))
        .to(
          redpandaSink<number>({
            brokers,
            driver,
            topic,
            encode: (n) => ({ value: String(n), timestamp: 1_700_000_000_000 + n * 1_000 }),
          }),
        )
        .run();
      const read = (startAt: "earliest" | "latest" | Date | ReadonlyMap<string, bigint>): Promise<number[]> =>
        from(
          redpandaSource({
            brokers,
            driver,
            topic,
            groupId: freshName("group"),
            startAt,
            stopAt: "latest",
            decode: ({ value }) => Number(text.decode(value)),
          }),
        ).collect();
      expect(await read("earliest")).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      expect(await read("latest")).toEqual([]);
      expect(await read(new Date(1_700_000_006_500))).toEqual([7, 8, 9]);
      expect(await read(new Map([["0", 8n]]))).toEqual([8, 9]);
    });

    it("what can not be decoded or sent goes to dead letters, and the rest is written", async () => {
      const input = await madeTopic("poison-in", 1);
      const output = await madeTopic("poison-out", 1);
      const letters = await madeTopic("poison-letters", 1);
      await produce(brokers, input, ['{"n":1}', "not json", '{"n":2}', '{"n":3}']);
      const dead = redpandaSink<{ error: { code: string } }>({
        brokers,
        driver,
        topic: letters,
        name: "letters",
        encode: ({ error }) => ({ value: error.code }),
      });
      await from(
        redpandaSource<{ n: number }>({
          brokers,
          driver,
          topic: input,
          groupId: freshName("group"),
          stopAt: "latest",
          decode: ({ value }) => JSON.parse(text.decode(value)) as { n: number },
        }),
      )
        .onError(dead)
        .map(({ n }) => n)
        .to(
          redpandaSink<number>({
            brokers,
            driver,
            topic: output,
            encode: (n) => ({ value: n === 2 ? "x".repeat(2_000_000) : String(n) }),
          }),
          { onError: dead },
        )
        .run();
      expect((await consume(brokers, output)).map(({ value }) => text.decode(value))).toEqual(["1", "3"]);
      expect((await consume(brokers, letters)).map(({ value }) => text.decode(value)).sort()).toEqual([
        "E_DECODE",
        "E_REDPANDA_TOO_LARGE",
      ]);
    });

    it("headers, keys, times and ids go there and come back; a replay has the same ids", async () => {
      const topic = await madeTopic("headers", 1);
      const write = (): Promise<unknown> =>
        from(["a"])
          .to(
            redpandaSink<string>({
              brokers,
              driver,
              topic,
              encode: (value) => ({ key: "k", value, headers: { "trace-id": "7" }, timestamp: 5 }),
            }),
          )
          .run();
      await write();
      await write();
      const [first, again] = await consume(brokers, topic);
      expect(text.decode(first?.key)).toBe("k");
      expect(text.decode(first?.headers["trace-id"])).toBe("7");
      expect(first?.timestamp).toBe(5);
      expect(first?.headers["millrace-id"]).toEqual(again?.headers["millrace-id"]);
    });

    it("stopAt ends behind messages of transactions, open ones aside", async () => {
      const topic = await madeTopic("marks", 2);
      const store = redpandaCheckpoints({ brokers, driver, topic: freshName("store"), partitions: 1 });
      await topology(
        "marks",
        from(["a", "b", "c"]).to(
          redpandaSink<string>({ brokers, driver, topic, encode: (value) => ({ key: value, value }) }),
        ),
      ).run({ checkpoint: { every: "1s", store } });
      const read = await from(
        redpandaSource({
          brokers,
          driver,
          topic,
          groupId: freshName("group"),
          stopAt: "latest",
          decode: ({ value }) => text.decode(value),
        }),
      ).collect();
      expect(read.sort()).toEqual(["a", "b", "c"]);
    });

    it("members that join and leave lose nothing", async () => {
      const input = await madeTopic("storm", 6);
      const groupId = freshName("group");
      const count = 3_000;
      const seen = testSink<string>();
      const start = (): { stop(): Promise<unknown> } =>
        topology(
          "storm",
          from(redpandaSource({ brokers, driver, topic: input, groupId, decode: ({ value }) => text.decode(value) }))
            .keyBy((value) => value, { partitioned: true })
            .unkeyed()
            .to(seen),
        ).start({ logger: { debug() {}, info() {}, warn() {}, error() {} } });
      const runs = [start()];
      for (let round = 0; round < 5; round++) {
        await produce(
          brokers,
          input,
          Array.from({ length: count / 5 }, (_, i) => `value ${(round * count) / 5 + i}`),
        );
        if (round % 2 === 0) runs.push(start());
        else await runs.shift()?.stop();
      }
      await expect.poll(() => new Set(seen.values).size, { timeout: 60_000 }).toBe(count);
      await Promise.all(runs.map((run) => run.stop()));
    });

    it("a topic is a table that is followed", async () => {
      const topic = await madeTopic("table", 3);
      const put = (key: string, value: string | undefined): Promise<unknown> =>
        from([key])
          .to(redpandaSink<string>({ brokers, driver, topic, encode: () => ({ key, value }) }))
          .run();
      await put("a", "1");
      await put("b", "2");
      await put("a", "3");
      const table = globalTable({
        brokers,
        driver,
        topic,
        key: (key) => text.decode(key),
        decode: ({ value }) => Number(text.decode(value)),
      });
      await table.connect?.(testContext());
      onTestFinished(async () => table.close?.());
      const context = { signal: new AbortController().signal, attempt: 1 };
      expect(await table.fetch(["a", "b", "c"], context)).toEqual(
        new Map([
          ["a", 3],
          ["b", 2],
        ]),
      );
      const changed: string[] = [];
      const stop = new AbortController();
      const watching = table.changes?.((key) => changed.push(key), stop.signal);
      await put("b", undefined);
      await put("c", "4");
      await expect
        .poll(() => table.fetch(["a", "b", "c"], context), { timeout: 10_000 })
        .toEqual(
          new Map([
            ["a", 3],
            ["c", 4],
          ]),
        );
      expect([...changed].sort()).toEqual(["b", "c"]);
      stop.abort();
      await watching;
      await put("x", "not a number");
      expect(
        await from(["a"])
          .lookup(
            (key) => key,
            globalTable({
              brokers,
              driver,
              topic,
              key: (key) => text.decode(key),
              decode: ({ value }) => text.decode(value),
            }),
            (key, value) => `${key} ${value}`,
          )
          .collect(),
      ).toEqual(["a 3"]);
    });

    it("redpandaTopic has the shape of a topic", async () => {
      const topic = redpandaTopic({ brokers, driver, topic: await madeTopic("shape", 2), groupId: freshName("group") });
      await from(["a", "b"])
        .to(topic.sink<string>({ encode: (value) => ({ key: value, value }) }))
        .run();
      expect(
        (await from(topic.source({ decode: ({ value }) => text.decode(value), stopAt: "latest" })).collect()).sort(),
      ).toEqual(["a", "b"]);
    });
  });
