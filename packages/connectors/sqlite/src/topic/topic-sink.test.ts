import { join } from "node:path";
import type { OutMessage, RuntimeContext, Sink, SinkConnection, SinkWriter } from "@millrace/core";
import { testContext } from "@millrace/core/testing";
import Database from "better-sqlite3";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { tempDir } from "../../test/temp-dir.js";
import { contents, textSink, writeContext } from "../../test/text-topic.js";
import { SinkPayload } from "../file/sink-payload.js";
import { type SqliteTopic, sqliteTopic } from "../sqlite-topic.js";
import type { SqliteTopicOptions } from "./topic-settings.js";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function newTopic(options: Partial<SqliteTopicOptions> = {}): SqliteTopic {
  const topic = sqliteTopic({ file: join(tempDir(), "app.db"), name: "events", partitions: 1, ...options });
  closing.push(() => topic.close());
  return topic;
}

async function connect<T>(sink: Sink<T>, given: Partial<RuntimeContext> = {}): Promise<SinkConnection<T>> {
  const connection = await sink.connect(testContext(given));
  closing.push(() => connection.close());
  return connection;
}

const task = (partitions: readonly string[] = ["0"], topology = "test") => ({ topology, partitions, lease: 1 });

async function newWriter<T>(sink: Sink<T>, given: Partial<RuntimeContext> = {}, of = task()): Promise<SinkWriter<T>> {
  return (await connect(sink, given)).open(of, undefined);
}

function keptIds(topic: SqliteTopic): unknown {
  const db = new Database(topic.file, { readonly: true });
  try {
    return db.prepare("SELECT count(*) FROM millrace_ids").pluck().get();
  } finally {
    db.close();
  }
}

const ids = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `src/0/${from + i}`);

describe("a topic as sink", () => {
  it("appends with key, headers and event time", async () => {
    const topic = newTopic();
    const writer = await newWriter(
      topic.sink({ encode: (n: number) => ({ key: `k${n}`, value: String(n), headers: { n: String(n) } }) }),
    );
    await writer.write([1, 2], writeContext(ids(2), [100, 200]));
    const got = [];
    for await (const { key, value, headers, timestamp } of topic.messages())
      got.push([String(key), String(value), String(headers.n), timestamp]);
    expect(got).toEqual([
      ["k1", "1", "1", 100],
      ["k2", "2", "2", 200],
    ]);
  });

  it("leaves out what a replay brings again, within a writer and after a restart", async () => {
    const topic = newTopic();
    const infos: object[] = [];
    const logger = {
      debug() {},
      warn() {},
      error() {},
      info: (_: string, fields?: object) => infos.push(fields ?? {}),
    };
    const writer = await newWriter(textSink(topic), { logger });
    await writer.write(["a", "b"], writeContext(ids(2)));
    await writer.write(["a", "b", "c"], writeContext(ids(3)));
    await writer.write(["a", "b", "c"], writeContext(ids(3)));
    const again = await newWriter(textSink(topic));
    await again.write(["b", "c", "d"], writeContext(ids(3, 1)));
    expect(await contents(topic)).toEqual(["a", "b", "c", "d"]);
    expect(infos.length).toBe(1);
  });

  it("appends a value without an id each time", async () => {
    const topic = newTopic();
    const writer = await newWriter(textSink(topic));
    await writer.write(["a", "b"], writeContext([undefined, "src/0/1"]));
    await writer.write(["a", "b"], writeContext([undefined, "src/0/1"]));
    expect(await contents(topic)).toEqual(["a", "b", "a"]);
  });

  it("appends an id that comes with other content: a window that fired again, an input that was exchanged", async () => {
    const topic = newTopic();
    const sink = topic.sink({ encode: (message: OutMessage) => message });
    const writer = await newWriter(sink);
    const first: OutMessage = { key: "k", value: "v", headers: { a: "1" } };
    const others: OutMessage[] = [
      { ...first, value: "w" },
      { ...first, value: undefined },
      { ...first, key: "l" },
      { key: "k", value: "v" },
      { ...first, headers: { a: "2" } },
    ];
    for (const message of [first, ...others]) await writer.write([message], writeContext(["id"], [7]));
    for (const message of [first, ...others]) await writer.write([message], writeContext(["id"], [7]));
    await writer.write([first], writeContext(["id"], [8]));
    expect((await contents(topic)).length).toBe(7);
  });

  it("appends each result of a window that fires again, also an equal one, and none of them twice", async () => {
    const topic = newTopic();
    const writer = await newWriter(textSink(topic));
    const origin = { source: "hours", partition: "a", offset: "0-10", index: "" };
    const firings = [undefined, 1, 2].map((firing) => (firing === undefined ? origin : { ...origin, firing }));
    for (let replay = 0; replay < 2; replay++)
      for (const one of firings) await writer.write(["1"], { ...writeContext(["hours/a/0-10"], [10]), origins: [one] });
    expect(await contents(topic)).toEqual(["1", "1", "1"]);
  });

  it("does not take the clock's time for content", async () => {
    const topic = newTopic();
    let now = 0;
    const clock = { now: () => ++now, schedule: () => () => {} };
    const writer = await newWriter(textSink(topic), { clock });
    await writer.write(["a"], writeContext(["id"]));
    await writer.write(["a"], writeContext(["id"]));
    expect(await contents(topic)).toEqual(["a"]);
  });

  it("keeps topologies apart, and finds an id again in another task of the same", async () => {
    const topic = newTopic();
    await (await newWriter(textSink(topic), {}, task(["0", "1"]))).write(["a"], writeContext(["id"]));
    await (await newWriter(textSink(topic), {}, task(["0"]))).write(["a"], writeContext(["id"]));
    await (await newWriter(textSink(topic), {}, task(["0", "1"], "other"))).write(["a"], writeContext(["id"]));
    expect(await contents(topic)).toEqual(["a", "a"]);
  });

  it("knows an id although retention has deleted its message", async () => {
    const topic = newTopic({ retention: { bytes: 100 } });
    const writer = await newWriter(textSink(topic));
    const [a, b] = ["a".repeat(90), "b".repeat(90)];
    await writer.write([a], writeContext(["1"]));
    await writer.write([b], writeContext(["2"]));
    await writer.write([a], writeContext(["1"]));
    expect(await contents(topic)).toEqual([b]);
  });

  it("forgets ids that no replay can bring again, by flushes and not by time", async () => {
    const topic = newTopic();
    const writer = await newWriter(textSink(topic));
    for (let epoch = 0; epoch < 50; epoch++) {
      await writer.write(["a", "b", "c"], writeContext(ids(3, epoch * 3)));
      await writer.flush?.(epoch);
    }
    expect(keptIds(topic)).toBe(3 * 8);
    // Three epochs in a row may have been given up, so the last four flushes can come again.
    await writer.write(
      Array(12)
        .fill("x")
        .map((_, i) => "abc"[i % 3] as string),
      writeContext(ids(12, 46 * 3)),
    );
    expect((await contents(topic)).length).toBe(150);
  });

  it("forgets with its own ids those of an earlier life that a replay has brought, and those the checkpoint covers", async () => {
    const topic = newTopic();
    const first = await newWriter(textSink(topic));
    await first.write(["a", "b"], writeContext(ids(2)));
    const { state } = (await first.flush?.(1)) ?? {};
    await first.write(["c", "d"], writeContext(ids(2, 2)));
    const second = await (await connect(textSink(topic))).open(task(), state);
    expect(keptIds(topic)).toBe(2);
    await second.write(["c", "d"], writeContext(ids(2, 2)));
    for (let epoch = 0; epoch < 9; epoch++) await second.flush?.(epoch);
    expect([keptIds(topic), await contents(topic)]).toEqual([0, ["a", "b", "c", "d"]]);
  });

  it("says which values can not be messages, and writes the others", async () => {
    const topic = newTopic();
    const encode = (n: number): OutMessage => {
      if (n === 1) throw new Error("one is odd");
      return n === 2 ? { value: "2", partition: "9" } : { value: String(n) };
    };
    const writer = await newWriter(topic.sink({ encode }));
    expect(await writer.write([0, 1, 2, 3], writeContext(ids(4)))).toEqual([
      "written",
      { class: "poison", code: "E_SQLITE_MESSAGE", message: "one is odd" },
      { class: "poison", code: "E_SQLITE_MESSAGE", message: expect.stringContaining("partition") },
      "written",
    ]);
    expect(await writer.write([1], writeContext(ids(1)))).toHaveLength(1);
    expect(await contents(topic)).toEqual(["0", "3"]);
  });

  it("fails as a whole where the file refuses, and says of which class that is", async () => {
    const topic = newTopic();
    const connection = await connect(textSink(topic));
    const writer = await connection.open(task(), undefined);
    await connection.close();
    await expect(writer.write(["a"], writeContext(["1"]))).rejects.toMatchObject({
      name: "WriteError",
      class: "fatal",
      code: "E_SQLITE_THREAD",
    });
  });
});

describe("replays into a topic", () => {
  const total = 60;
  /** One life of a writer: after how many values it is cut off, its batches, how many of them an epoch has, and which epochs are given up. */
  const life = fc.record({
    values: fc.nat(40),
    batch: fc.integer({ min: 1, max: 7 }),
    epoch: fc.integer({ min: 1, max: 20 }),
    commits: fc.infiniteStream(fc.boolean()),
  });

  it("leave each value once and in order, wherever runs were cut off and whichever epochs were given up", async () => {
    const file = join(tempDir(), "app.db");
    let runs = 0;
    // Holds the file open, so that not every run starts a thread.
    await newTopic({ file, name: "anchor" }).append([]);
    const replay = async (lives: { values: number; batch: number; epoch: number; commits: Iterator<boolean> }[]) => {
      const topic = newTopic({ file, name: `topic${runs++}` });
      const topicSink = textSink(topic);
      let committed = 0;
      let state: Uint8Array | undefined;
      for (const { values, batch, epoch, commits } of lives) {
        const connection = await topicSink.connect(testContext());
        const writer = await connection.open(task(), state);
        const end = Math.min(total, committed + values);
        let abandoned = 0;
        for (let at = committed, batches = 1; at < end; batches++) {
          const count = Math.min(batch, end - at);
          const values = Array.from({ length: count }, (_, i) => `k:${at + i}`);
          await writer.write(values, writeContext(ids(count, at)));
          at += count;
          if (batches % epoch !== 0) continue;
          const flushed = await writer.flush?.(batches);
          // The engine ends a run after the third epoch in a row that was given up.
          if (commits.next().value || abandoned === 2) {
            committed = at;
            state = flushed?.state;
            abandoned = 0;
          } else abandoned++;
        }
        await connection.close();
      }
      expect(await contents(topic)).toEqual(Array.from({ length: total }, (_, i) => `k:${i}`));
      await topic.close();
    };
    const always = { next: () => ({ value: true, done: false as const }) };
    const never = { next: () => ({ value: false, done: false as const }) };
    // Far ahead without a commit, then slowly behind it with many; then a loop of crashes before the first commit.
    await replay([
      { values: 60, batch: 7, epoch: 99, commits: never },
      { values: 60, batch: 1, epoch: 1, commits: always },
    ]);
    await replay([
      ...Array.from({ length: 8 }, (_, i) => ({
        values: i % 2 === 0 ? 40 : 2,
        batch: 1,
        epoch: i % 2 === 0 ? 20 : 1,
        commits: never,
      })),
      { values: 60, batch: 3, epoch: 1, commits: always },
    ]);
    await fc.assert(
      fc.asyncProperty(fc.array(life, { maxLength: 6 }), life, (cut, last) =>
        replay([...cut, { ...last, values: total }]),
      ),
      { numRuns: 40 },
    );
  });
});

describe("a topic as transactional sink", () => {
  it("writes nothing itself, and hands over what came since the last flush", async () => {
    const topic = newTopic();
    const sink = textSink(topic);
    const writer = await newWriter(sink, { transactionalSystem: sink.system as string });
    await writer.write(["a", "b"], writeContext(ids(2)));
    await writer.write(["c"], writeContext(ids(1, 2)));
    const first = await writer.flush?.(1);
    const payload = first?.commit as SinkPayload;
    expect(payload).toBeInstanceOf(SinkPayload);
    expect([payload.parts.length, payload.system]).toEqual([2, `sqlite:${topic.file}`]);
    expect(await writer.flush?.(2)).toBeUndefined();
    expect(await contents(topic)).toEqual([]);
  });

  it("writes itself where the store is of another system", async () => {
    const topic = newTopic();
    const writer = await newWriter(textSink(topic), { transactionalSystem: "sqlite:/elsewhere.db" });
    await writer.write(["a"], writeContext(ids(1)));
    expect(await contents(topic)).toEqual(["a"]);
  });

  it("holds no more than maxBuffer", async () => {
    const topic = newTopic({ maxBuffer: 1_000 });
    const sink = textSink(topic);
    const writer = await newWriter(sink, { transactionalSystem: sink.system as string });
    await writer.write(["x".repeat(400)], writeContext(ids(1)));
    await expect(writer.write(["y".repeat(400)], writeContext(ids(1, 1)))).rejects.toMatchObject({
      class: "fatal",
      code: "E_SQLITE_BUFFER",
    });
  });
});
