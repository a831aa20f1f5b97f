import { join } from "node:path";
import type { Source, SourceConnection, SourceContext } from "@millrace/core";
import { testContext, virtualClock } from "@millrace/core/testing";
import Database from "better-sqlite3";
import { afterEach, describe, expect, it } from "vitest";
import { tempDir } from "../../test/temp-dir.js";
import { assignment, drain, texts } from "../../test/text-topic.js";
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

async function connect<T>(source: Source<T>, given: Partial<SourceContext> = {}): Promise<SourceConnection<T>> {
  const connection = await source.connect(testContext(given));
  closing.push(() => connection.close());
  return connection;
}

const values = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => ({ value: `v${from + i}`, timestamp: from + i }));

describe("a topic as source", () => {
  it("is not bounded and is partitioned, and is assigned every partition of a topic that nobody has made yet", async () => {
    const source = texts(newTopic({ partitions: 3 }));
    expect([source.bounded ?? false, source.partitioned]).toEqual([false, true]);
    expect((await assignment(await connect(source))).partitions).toEqual(["0", "1", "2"]);
  });

  it("gives values with offsets, timestamps and bytes, at most 1,024 at once, and says when that is all", async () => {
    const topic = newTopic();
    await topic.append(values(2_500));
    const reader = await (await connect(texts(topic))).open("0", undefined);
    const batches = await drain(reader);
    expect(batches.map((batch) => [batch.values.length, batch.caughtUp, batch.position])).toEqual([
      [1_024, false, "1024"],
      [1_024, false, "2048"],
      [452, true, "2500"],
    ]);
    expect(batches.flatMap((batch) => batch.values)).toEqual(values(2_500).map(({ value }) => value));
    expect(batches.flatMap((batch) => [...(batch.offsets ?? [])])).toEqual(values(2_500).map((_, i) => i));
    expect(batches.flatMap((batch) => Array.from(batch.times ?? []))).toEqual(values(2_500).map((_, i) => i));
    expect(batches.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0)).toBe(
      values(2_500).reduce((sum, { value }) => sum + value.length, 0),
    );
  });

  it("says that it has caught up when a limit and the end fall together", async () => {
    const topic = newTopic();
    await topic.append(values(1_024));
    const reader = await (await connect(texts(topic))).open("0", undefined);
    const batches = await drain(reader);
    expect(batches.map((batch) => [batch.values.length, batch.caughtUp])).toEqual([
      [1_024, false],
      [0, true],
    ]);
  });

  it("cuts batches of large messages by bytes", async () => {
    const topic = newTopic();
    await topic.append(Array.from({ length: 6 }, () => ({ value: "x".repeat(400_000) })));
    const reader = await (await connect(texts(topic))).open("0", undefined);
    expect((await drain(reader)).map((batch) => batch.values.length)).toEqual([3, 3, 0]);
  });

  it("says of an empty partition, once, that nothing is there", async () => {
    const topic = newTopic();
    const reader = await (await connect(texts(topic))).open("0", undefined);
    expect(await reader.read()).toMatchObject({ values: [], caughtUp: true, position: "0" });
    const pending = reader.read();
    await topic.append({ value: "first" });
    expect(await pending).toMatchObject({ values: ["first"], caughtUp: true });
  });

  it("resumes behind any position", async () => {
    const topic = newTopic();
    await topic.append(values(30));
    const connection = await connect(texts(topic));
    for (const position of ["0", "7", "29", "30"]) {
      const [batch] = await drain(await connection.open("0", position));
      expect(batch?.values[0]).toBe(position === "30" ? undefined : `v${position}`);
      expect(batch?.position).toBe("30");
    }
  });

  it("orders positions by number", async () => {
    const connection = await connect(texts(newTopic()));
    expect([
      connection.comparePositions("9", "10") < 0,
      connection.comparePositions("10", "9") > 0,
      connection.comparePositions("9", "9"),
    ]).toEqual([true, true, 0]);
  });

  it("begins where the source says, else where the run says", async () => {
    const topic = newTopic();
    await topic.append(values(5));
    const first = async (source: Source<string>, startAt: SourceContext["startAt"]) =>
      (await drain(await (await connect(source, { startAt })).open("0", undefined)))[0]?.values[0];
    expect(await first(texts(topic), "earliest")).toBe("v0");
    expect(await first(texts(topic), "latest")).toBeUndefined();
    expect(await first(texts(topic), new Date(3))).toBe("v3");
    expect(await first(texts(topic), new Date(99))).toBeUndefined();
    expect(await first(texts(topic, { startAt: "earliest" }), "latest")).toBe("v0");
    expect(await first(texts(topic, { startAt: new Date(2) }), "latest")).toBe("v2");
  });

  it("with stopAt ends at what was there when it was opened", async () => {
    const topic = newTopic();
    await topic.append(values(3));
    const connection = await connect(texts(topic, { stopAt: "latest" }));
    const reader = await connection.open("0", undefined);
    await topic.append(values(3, 3));
    expect((await reader.read())?.values).toEqual(["v0", "v1", "v2"]);
    expect(await reader.read()).toBeUndefined();
    expect(await (await connection.open("0", "6")).read()).toBeUndefined();
  });

  it("makes poison of what can not be decoded, in its place, and goes on", async () => {
    const topic = newTopic();
    await topic.append([
      { value: "good" },
      { value: Uint8Array.of(0xff) },
      { value: "better" },
      { value: Uint8Array.of(0xc0) },
    ]);
    const [batch] = await drain(await (await connect(texts(topic))).open("0", undefined));
    expect(batch).toMatchObject({ values: ["good", "better"], offsets: [0, 2], position: "4" });
    expect(batch?.poison).toMatchObject([
      { offset: 1, error: { code: "E_DECODE" } },
      { offset: 3, error: { code: "E_DECODE" } },
    ]);
    expect(batch?.poison?.map(({ raw }) => [...raw])).toEqual([[0xff], [0xc0]]);
  });

  it("wakes at once for what this process appends, without the clock", async () => {
    const topic = newTopic();
    const clock = virtualClock();
    const reader = await (await connect(texts(topic), { clock })).open("0", undefined);
    await reader.read();
    for (const value of ["a", "b", "c"]) {
      const pending = reader.read();
      await topic.append({ value });
      expect((await pending)?.values).toEqual([value]);
    }
    expect(clock.now()).toBe(0);
  });

  it("finds by polling what another connection has committed", async () => {
    const topic = newTopic({ pollInterval: "2s" });
    const clock = virtualClock();
    const reader = await (await connect(texts(topic), { clock })).open("0", undefined);
    await reader.read();
    let got: readonly string[] | undefined;
    const pending = reader.read().then((batch) => {
      got = batch?.values;
    });
    // As another process would, without the signal within this one.
    const other = new Database(topic.file);
    other.exec(
      "BEGIN; INSERT INTO millrace_log_1_0 VALUES (0, 5, NULL, 'from afar', NULL); UPDATE millrace_partitions SET next = 1; COMMIT".replace(
        "'from afar'",
        "CAST('from afar' AS BLOB)",
      ),
    );
    other.close();
    await clock.advance(1_999);
    expect(got).toBeUndefined();
    await clock.advance(1);
    await pending;
    expect(got).toEqual(["from afar"]);
  });

  it("polls once for all readers, and not while none waits", async () => {
    const clock = virtualClock();
    const topic = newTopic({ partitions: 4 });
    const connection = await connect(texts(topic), { clock });
    const readers = await Promise.all(["0", "1", "2", "3"].map((partition) => connection.open(partition, undefined)));
    for (const reader of readers) await reader.read();
    expect(clock.pending).toBe(0);
    const pending = readers.map((reader) => reader.read());
    expect(clock.pending).toBe(1);
    await connection.close();
    expect(await Promise.all(pending)).toEqual([undefined, undefined, undefined, undefined]);
    expect(clock.pending).toBe(0);
  });

  it("ends a pending read at close(), of the reader or of the connection", async () => {
    const connection = await connect(texts(newTopic()));
    const one = await connection.open("0", undefined);
    await one.read();
    const pending = one.read();
    await one.close();
    expect([await pending, await one.read()]).toEqual([undefined, undefined]);
    const two = await connection.open("0", undefined);
    await two.read();
    const last = two.read();
    await connection.close();
    expect(await last).toBeUndefined();
  });

  it("refuses a partition that is not there and a position that is none", async () => {
    const connection = await connect(texts(newTopic()));
    await expect(connection.open("1", undefined)).rejects.toMatchObject({ code: "E_ARGUMENT" });
    for (const position of ["", "x", "-1", "1.5", "007"])
      await expect(connection.open("0", position), position).rejects.toMatchObject({ code: "E_SQLITE_POSITION" });
    await expect(connection.open("0", "1")).rejects.toMatchObject({
      code: "E_SQLITE_POSITION",
      message: expect.stringContaining("beyond the end"),
    });
  });

  it("is up, and down once the file is closed", async () => {
    const connection = await connect(texts(newTopic()));
    expect(await connection.health?.()).toMatchObject({ status: "up" });
    await connection.close();
    expect(await connection.health?.()).toMatchObject({ status: "down", detail: expect.any(String) });
  });
});

describe("a reader behind the head", () => {
  async function behind(options: Partial<SqliteTopicOptions>) {
    const warnings: string[] = [];
    const logger = { debug() {}, info() {}, error() {}, warn: (message: string) => warnings.push(message) };
    const topic = newTopic({ retention: { bytes: 100 }, ...options });
    await topic.append({ value: "1".repeat(50) });
    const reader = await (await connect(texts(topic), { logger })).open("0", undefined);
    await topic.append([{ value: "2".repeat(50) }, { value: "3".repeat(50) }]);
    return { reader, warnings };
  }

  it("fails, naming what was lost", async () => {
    const { reader } = await behind({});
    await expect(reader.read()).rejects.toMatchObject({
      code: "E_SQLITE_BEHIND_HEAD",
      message: expect.stringContaining("deleted 2 messages"),
    });
  });

  it("goes on at the head with a warning where that was asked for", async () => {
    const { reader, warnings } = await behind({ behindHead: "skip" });
    expect((await reader.read())?.values).toEqual(["3".repeat(50)]);
    expect(warnings.length).toBe(1);
  });

  it("is not who begins at the earliest message that is kept", async () => {
    const topic = newTopic({ retention: { bytes: 100 } });
    for (const value of ["a", "b", "c"]) await topic.append({ value: value.repeat(60) });
    const [batch] = await drain(await (await connect(texts(topic))).open("0", undefined));
    expect([batch?.values.length, batch?.offsets]).toEqual([1, [2]]);
  });
});

describe("positions of a group", () => {
  it("are those of the topology, else of the group that is named", async () => {
    const file = join(tempDir(), "app.db");
    const own = newTopic({ file });
    const named = newTopic({ file, group: "audit" });
    await own.append(values(9));
    const one = await connect(texts(own), { topology: "one" });
    const { generation } = await assignment(one);
    await one.commit?.(new Map([["0", "5"]]), generation);
    expect(await (await connect(texts(own), { topology: "one" })).committed?.("0")).toBe("5");
    expect(await (await connect(texts(own), { topology: "two" })).committed?.("0")).toBeUndefined();
    const audit = await connect(texts(named), { topology: "two" });
    await audit.commit?.(new Map([["0", "9"]]), (await assignment(audit)).generation);
    expect(await (await connect(texts(named), { topology: "three" })).committed?.("0")).toBe("9");
    expect((await own.describe()).groups).toEqual(
      new Map([
        ["audit", new Map([["0", 9n]])],
        ["one", new Map([["0", 5n]])],
      ]),
    );
    await own.forgetGroup("one");
    expect([...(await own.describe()).groups.keys()]).toEqual(["audit"]);
  });

  it("never go back", async () => {
    const connection = await connect(texts(newTopic()));
    const { generation } = await assignment(connection);
    await connection.commit?.(new Map([["0", "5"]]), generation);
    await connection.commit?.(new Map([["0", "3"]]), generation);
    expect(await connection.committed?.("0")).toBe("5");
  });

  it("are refused from a generation that another has followed, but only once that one has committed", async () => {
    const topic = newTopic();
    const old = await connect(texts(topic));
    const first = (await assignment(old)).generation;
    await old.commit?.(new Map([["0", "1"]]), first);
    const young = await connect(texts(topic));
    const second = (await assignment(young)).generation;
    // A second run that its lease refuses never commits, and must do the first no harm.
    await old.commit?.(new Map([["0", "2"]]), first);
    await young.commit?.(new Map([["0", "3"]]), second);
    await expect(old.commit?.(new Map([["0", "9"]]), first)).rejects.toMatchObject({ code: "E_FENCED" });
    expect(await old.committed?.("0")).toBe("3");
  });
});
