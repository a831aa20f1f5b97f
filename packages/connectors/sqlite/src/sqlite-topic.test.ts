import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { OutMessage } from "@millrace/core";
import Database from "better-sqlite3";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { tempDir } from "../test/temp-dir.js";
import { contents, textOf } from "../test/text-topic.js";
import { type SqliteTopic, sqliteTopic } from "./sqlite-topic.js";
import { partitionOfKey } from "./topic/partitioner.js";
import type { SqliteTopicOptions } from "./topic/topic-settings.js";

const open: SqliteTopic[] = [];
afterEach(async () => {
  for (const topic of open.splice(0)) await topic.close();
});

function topicIn(file: string, options: Partial<SqliteTopicOptions> = {}): SqliteTopic {
  const topic = sqliteTopic({ file, name: "events", ...options });
  open.push(topic);
  return topic;
}

const newTopic = (options: Partial<SqliteTopicOptions> = {}): SqliteTopic =>
  topicIn(join(tempDir(), "app.db"), options);

describe("sqliteTopic", () => {
  it("keeps what is appended: keys, values, headers, timestamps, in order of offsets without gaps", async () => {
    const topic = newTopic({ partitions: 1, clock: { now: () => 1_000.5 } });
    const sent: OutMessage[] = [
      { key: "a", value: "1", headers: { h: "x", "": Uint8Array.of(0) }, timestamp: -7 },
      { value: undefined },
      { key: new Uint8Array(0), value: "" },
    ];
    expect(await topic.append(sent)).toEqual([0n, 1n, 2n].map((offset) => ({ partition: "0", offset })));
    const got = [];
    for await (const { key, value, headers, timestamp, offset } of topic.messages())
      got.push([
        key && Buffer.from(key).toString(),
        value && Buffer.from(value).toString(),
        Object.entries(headers).map(([name, bytes]) => [name, ...bytes]),
        timestamp,
        offset,
      ]);
    expect(got).toEqual([
      [
        "a",
        "1",
        [
          ["h", 120],
          ["", 0],
        ],
        -7,
        0n,
      ],
      [undefined, undefined, [], 1_000.5, 1n],
      ["", "", [], 1_000.5, 2n],
    ]);
  });

  it("puts a key into one partition, the others in turn, and a partition that is named into that", async () => {
    const topic = newTopic();
    const places = await topic.append([
      { key: "ada", value: "1" },
      { value: "2" },
      { value: "3" },
      { value: "4", partition: "3" },
      { key: "ada", value: "5" },
    ]);
    const ofAda = partitionOfKey("ada", 4);
    expect(places.map(({ partition }) => partition)).toEqual([ofAda, "0", "1", "3", ofAda]);
    expect(await contents(topic, ofAda)).toEqual(expect.arrayContaining(["1", "5"]));
  });

  it("is there again when the file is opened anew, with the partitions it was made with", async () => {
    const file = join(tempDir(), "app.db");
    const first = topicIn(file, { partitions: 3 });
    await first.append({ key: "a", value: "kept" });
    await first.close();
    const second = topicIn(file);
    expect((await second.describe()).partitions.length).toBe(3);
    expect(await contents(second)).toEqual(["kept"]);
    const [place] = await second.append({ key: "a", value: "next" });
    expect(place?.offset).toBe(1n);
    await expect(topicIn(file, { partitions: 4 }).append({ value: "x" })).rejects.toMatchObject({
      code: "E_SQLITE_PARTITIONS",
    });
  });

  it("keeps several topics of one file apart", async () => {
    const file = join(tempDir(), "app.db");
    const [one, two] = [topicIn(file, { name: "one" }), topicIn(file, { name: "two" })];
    await one.append({ value: "1" });
    await two.append({ value: "2" });
    expect([await contents(one), await contents(two)]).toEqual([["1"], ["2"]]);
  });

  it("appends all of a call or nothing", async () => {
    const topic = newTopic();
    await expect(topic.append([{ value: "good" }, { value: 7 as unknown as string }])).rejects.toMatchObject({
      code: "E_SQLITE_MESSAGE",
    });
    expect(await contents(topic)).toEqual([]);
  });

  it("keeps many appends from several callers at once, each once", async () => {
    const topic = newTopic();
    const calls = Array.from({ length: 50 }, (_, i) =>
      topic.append(Array.from({ length: 20 }, (_, j) => ({ value: `${i}.${j}` }))),
    );
    await Promise.all(calls);
    expect(new Set(await contents(topic)).size).toBe(1_000);
    const { partitions } = await topic.describe();
    expect(partitions.reduce((sum, { next }) => sum + next, 0n)).toBe(1_000n);
  });

  it("reads any bytes back, many messages at once", async () => {
    const bytes = fc.option(fc.uint8Array({ maxLength: 40 }), { nil: undefined });
    const message = fc.record({ key: bytes, value: bytes, header: bytes });
    const topic = newTopic({ partitions: 1 });
    const sent: { key: Uint8Array | undefined; value: Uint8Array | undefined; header: Uint8Array | undefined }[] = [];
    for (const more of fc.sample(fc.array(message, { minLength: 1, maxLength: 500 }), 8)) {
      sent.push(...more);
      await topic.append(
        more.map(({ key, value, header }) => ({
          ...(key === undefined ? {} : { key }),
          value,
          ...(header === undefined ? {} : { headers: { header } }),
        })),
      );
    }
    const got = [];
    const plain = (part: Uint8Array | undefined) => part && Uint8Array.from(part);
    for await (const { key, value, headers } of topic.messages())
      got.push({ key: plain(key), value: plain(value), header: plain(headers.header) });
    expect(got).toEqual(sent);
  });

  it("reads large messages back", async () => {
    const topic = newTopic({ partitions: 1 });
    const large = Array.from({ length: 5 }, (_, i) => Buffer.alloc(3_000_000, i));
    await topic.append(large.map((value) => ({ value })));
    let i = 0;
    for await (const { value } of topic.messages())
      expect(Buffer.compare(value as Buffer, large[i++] as Buffer)).toBe(0);
    expect(i).toBe(5);
  });

  it("says what it was given and can not use", () => {
    const file = join(tempDir(), "app.db");
    const refused: Partial<SqliteTopicOptions>[] = [
      { name: "no spaces" },
      { name: "" },
      { partitions: 0 },
      { partitions: 1.5 },
      { partitions: 5_000 },
      { group: "no spaces" },
      { behindHead: "never" as "skip" },
      { retention: { bytes: -1 } },
      { maxBuffer: 0 },
      { file: ":memory:" },
    ];
    for (const options of refused) expect(() => topicIn(file, options), JSON.stringify(options)).toThrow(/E_ARGUMENT/);
    expect(() => topicIn(file, { retention: { age: 0 } })).toThrow(/E_DURATION/);
    expect(() => topicIn(file, { pollInterval: 0 })).toThrow(/E_DURATION/);
  });

  it("says clearly that it can not open its file", async () => {
    const dir = tempDir();
    await expect(topicIn(join(dir, "missing", "app.db")).append({ value: "x" })).rejects.toMatchObject({
      code: "E_SQLITE_OPEN",
      message: expect.stringContaining("does not exist"),
    });
    mkdirSync(join(dir, "folder.db"));
    await expect(topicIn(join(dir, "folder.db")).append({ value: "x" })).rejects.toMatchObject({
      code: "E_SQLITE_OPEN",
    });
    writeFileSync(
      join(dir, "text.db"),
      "this is no database at all, only text that is long enough to be looked at".repeat(20),
    );
    await expect(topicIn(join(dir, "text.db")).append({ value: "x" })).rejects.toMatchObject({
      code: "E_SQLITE_CORRUPT",
    });
    writeFileSync(join(dir, "later.db"), "");
    const wide = new Database(join(dir, "wide.db"));
    wide.exec("PRAGMA encoding = 'UTF-16'; CREATE TABLE t (a)");
    wide.close();
    await expect(topicIn(join(dir, "wide.db")).append({ value: "x" })).rejects.toMatchObject({
      code: "E_SQLITE_OPEN",
      message: expect.stringContaining("UTF-16"),
    });
    const later = new Database(join(dir, "later.db"));
    later.exec("CREATE TABLE millrace_format (version INTEGER NOT NULL); INSERT INTO millrace_format VALUES (9)");
    later.close();
    await expect(topicIn(join(dir, "later.db")).append({ value: "x" })).rejects.toMatchObject({
      code: "E_SQLITE_SCHEMA",
      message: expect.stringContaining("format 9"),
    });
  });

  it("can be used again after a failure to open, and after close()", async () => {
    const dir = tempDir();
    const topic = topicIn(join(dir, "sub", "app.db"));
    await expect(topic.append({ value: "x" })).rejects.toMatchObject({ code: "E_SQLITE_OPEN" });
    mkdirSync(join(dir, "sub"));
    await topic.append({ value: "1" });
    await topic.close();
    await topic.append({ value: "2" });
    expect((await contents(topic)).sort()).toEqual(["1", "2"]);
  });
});

describe("retention", () => {
  const now = { ms: 1_000_000 };
  const clock = { now: () => now.ms };
  const state = async (topic: SqliteTopic) =>
    (await topic.describe()).partitions.map(({ head, next }) => [Number(head), Number(next)]);

  it("keeps everything unless told otherwise", async () => {
    const topic = newTopic({ partitions: 1, clock });
    await topic.append([{ value: "old", timestamp: 0 }, { value: "new" }]);
    expect(await topic.purge()).toBe(0);
    expect(await contents(topic)).toEqual(["old", "new"]);
  });

  it("by age deletes from the head up to the first message that is young enough", async () => {
    const topic = newTopic({ partitions: 1, clock, retention: { age: "1m" } });
    now.ms = 1_000_000;
    await topic.append([
      { value: "old", timestamp: now.ms - 60_001 },
      { value: "young", timestamp: now.ms - 60_000 },
      { value: "old behind young", timestamp: 0 },
      { value: "newest" },
    ]);
    expect(await contents(topic)).toEqual(["young", "old behind young", "newest"]);
    now.ms += 1;
    expect(await topic.purge()).toBe(2);
    expect(await contents(topic)).toEqual(["newest"]);
    expect(await state(topic)).toEqual([[3, 4]]);
  });

  it("by age is applied with appends, every 10 s", async () => {
    const topic = newTopic({ partitions: 1, clock, retention: { age: "1s" } });
    now.ms = 1_000_000;
    await topic.append({ value: "1" });
    now.ms += 9_999;
    await topic.append({ value: "2" });
    expect(await contents(topic)).toEqual(["1", "2"]);
    now.ms += 1;
    await topic.append({ value: "3" });
    expect(await contents(topic)).toEqual(["2", "3"]);
  });

  it("by size deletes the oldest with the append that makes it too much, and never the newest", async () => {
    const topic = newTopic({ partitions: 1, clock, retention: { bytes: 300 } });
    for (const name of ["a", "b", "c", "d"]) await topic.append({ value: name.repeat(100) });
    expect((await contents(topic)).map((value) => value[0])).toEqual(["c", "d"]);
    await topic.append({ value: "x".repeat(1_000) });
    expect((await contents(topic)).map((value) => value[0])).toEqual(["x"]);
    expect(await state(topic)).toEqual([[4, 5]]);
    const { partitions } = await topic.describe();
    expect(partitions[0]?.bytes).toBe(1_024);
  });

  it("works on each partition by itself, and offsets go on", async () => {
    const topic = newTopic({ partitions: 2, clock, retention: { bytes: 150 } });
    for (const partition of ["0", "0", "1", "0"]) await topic.append({ value: "v".repeat(100), partition });
    expect(await state(topic)).toEqual([
      [2, 3],
      [0, 1],
    ]);
    const [place] = await topic.append({ value: "next", partition: "0" });
    expect(place?.offset).toBe(3n);
  });

  it("purges more than one transaction takes", async () => {
    const topic = newTopic({ partitions: 1, clock, retention: { age: "1s" } });
    now.ms = 1_000_000;
    await topic.append(Array.from({ length: 25_000 }, (_, i) => ({ value: String(i) })));
    now.ms += 5_000;
    expect(await topic.purge()).toBe(24_999);
    const left = [];
    for await (const message of topic.messages()) left.push([message.offset, textOf(message)]);
    expect(left).toEqual([[24_999n, "24999"]]);
  });
});
