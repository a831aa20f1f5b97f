import { join } from "node:path";
import { type DeadLetter, from, type Message, type Topology, topology } from "@millrace/core";
import { type SqliteTopic, sqliteCheckpoints, sqliteTable, sqliteTopic } from "@millrace/sqlite";
import { afterEach, describe, expect, it } from "vitest";
import { tempDir } from "./temp-dir.js";
import { contents, textOf, texts } from "./text-topic.js";

const open: SqliteTopic[] = [];
afterEach(async () => {
  for (const topic of open.splice(0)) await topic.close();
});

function topicIn(file: string, name: string): SqliteTopic {
  const topic = sqliteTopic({ file, name, pollInterval: 10 });
  open.push(topic);
  return topic;
}

const newFile = (): string => join(tempDir(), "app.db");

interface Count {
  readonly key: string;
  readonly count: number;
}

const decode = (message: Message): { key: string; value: string } => ({
  key: String(message.key),
  value: textOf(message),
});
const encode = ({ key, count }: Count) => ({ key, value: `${key}:${count}` });

/** Counts the values of each key: to a topic and to a table in the checkpoints' file. */
function counting(
  file: string,
  stopAt: "latest" | undefined,
  options: { readonly partitioned?: boolean } = {},
): Topology {
  const counts = from(topicIn(file, "in").source({ decode, ...(stopAt === undefined ? {} : { stopAt }) }))
    .keyBy(({ key }) => key, options)
    .stateful("count", { init: () => 0, onValue: (count, { key }) => [count + 1, { key, count: count + 1 }] });
  const table = sqliteTable({ file, table: "counts", columns: { key: "TEXT", count: "INTEGER" }, key: "key" });
  return topology(
    "counting",
    counts.to(topicIn(file, "out").sink({ encode })),
    counts.to(table.sink({ row: (count: Count) => count })),
  );
}

async function append(topic: SqliteTopic, count: number): Promise<void> {
  await topic.append(Array.from({ length: count }, (_, i) => ({ key: `k${i % 7}`, value: "x" })));
}

/** What counting() must have given for `rounds` values of each of the seven keys. */
const oracle = (rounds: number): string[] =>
  Array.from({ length: 7 * rounds }, (_, i) => `k${i % 7}:${Math.floor(i / 7) + 1}`).sort();

describe("pipelines on one file", () => {
  it.each([{ partitioned: false }, { partitioned: true }])(
    "are exactly-once, and go on where they ended (%j)",
    async (options) => {
      const file = newFile();
      const checkpoint = { every: "20ms", store: sqliteCheckpoints({ file }) } as const;
      const input = topicIn(file, "in");
      for (let run = 1; run <= 3; run++) {
        await append(input, 700);
        const pipeline = counting(file, "latest", options);
        expect(pipeline.describe().tasks.mode).toBe(options.partitioned ? "per-partition" : "one");
        expect(pipeline.guarantees({ checkpoint }).map(({ level }) => level)).toEqual(["exactly-once", "exactly-once"]);
        await pipeline.run({ checkpoint });
        expect((await contents(topicIn(file, "out"))).sort()).toEqual(oracle(run * 100));
      }
    },
  );

  it("are at-least-once by the source's own positions where there is no state and no store", async () => {
    const file = newFile();
    const input = topicIn(file, "in");
    const copy = () =>
      from(texts(input, { stopAt: "latest" })).to(
        topicIn(file, "copy").sink({ encode: (value: string) => ({ value }) }),
      );
    for (let run = 0; run < 3; run++) {
      await input.append({ value: `${run}` });
      await topology("copy", copy()).run();
    }
    expect((await contents(topicIn(file, "copy"))).sort()).toEqual(["0", "1", "2"]);
    const { groups } = await input.describe();
    expect([...(groups.get("copy")?.values() ?? [])].reduce((sum, next) => sum + next, 0n)).toBe(3n);
  });

  it("refuse a second run on one store, which does the first no harm", async () => {
    const file = newFile();
    const checkpoint = { every: "20ms", store: sqliteCheckpoints({ file }) } as const;
    const input = topicIn(file, "in");
    await append(input, 70);
    const out = topicIn(file, "out");
    const first = counting(file, undefined).start({ checkpoint });
    await expect.poll(async () => (await contents(out)).length).toBe(70);
    await expect(counting(file, "latest").run({ checkpoint })).rejects.toMatchObject({
      code: "E_LEASE_HELD",
      message: expect.stringContaining(String(process.pid)),
    });
    await append(input, 70);
    await expect.poll(async () => (await contents(out)).length).toBe(140);
    expect(await first.stop()).toMatchObject({ status: "stopped" });
    expect((await contents(out)).sort()).toEqual(oracle(20));
  });

  it("may follow each other, each with its own lease", async () => {
    const file = newFile();
    const checkpoint = { every: "20ms", store: sqliteCheckpoints({ file }) } as const;
    const first = counting(file, undefined).start({ checkpoint });
    const last = topicIn(file, "last");
    const second = topology(
      "shouting",
      from(texts(topicIn(file, "out")))
        .map((text) => text.toUpperCase())
        .to(last.sink({ encode: (value: string) => ({ value }) })),
    ).start({ checkpoint });
    await append(topicIn(file, "in"), 70);
    await expect.poll(async () => (await contents(last)).sort()).toEqual(oracle(10).map((text) => text.toUpperCase()));
    await first.stop();
    await second.stop();
  });

  it("keep what can not be decoded in a topic of dead letters, and not twice after a restart", async () => {
    const file = newFile();
    const checkpoint = { every: "20ms", store: sqliteCheckpoints({ file }) } as const;
    const [input, out, dead] = [topicIn(file, "in"), topicIn(file, "out"), topicIn(file, "dead")];
    const run = () => {
      const letters = dead.sink({
        encode: ({ raw, error }: DeadLetter<unknown>) => ({ key: error.code, value: raw ?? "" }),
      });
      const good = from(texts(input, { stopAt: "latest" })).onError(letters);
      return topology("decode", good.to(out.sink({ encode: (value: string) => ({ value }) }))).run({ checkpoint });
    };
    await input.append([{ value: "good" }, { value: Uint8Array.of(0xff) }]);
    await run();
    await input.append([{ value: Uint8Array.of(0xfe) }, { value: "better" }]);
    await run();
    expect((await contents(out)).sort()).toEqual(["better", "good"]);
    const raw = [];
    for await (const { key, value } of dead.messages()) raw.push([String(key), ...(value ?? [])]);
    expect(raw.sort()).toEqual([
      ["E_DECODE", 0xfe],
      ["E_DECODE", 0xff],
    ]);
  });

  it("end with the disk's own words when it is full, and resume once there is room", async () => {
    const file = newFile();
    const input = topicIn(file, "in");
    await append(input, 700);
    const tight = { every: "20ms", store: sqliteCheckpoints({ file, maxBytes: 128 * 1_024 }) } as const;
    await expect(counting(file, "latest").run({ checkpoint: tight })).rejects.toMatchObject({
      message: expect.stringContaining("E_SQLITE_FULL"),
    });
    await input.close();
    await counting(file, "latest").run({ checkpoint: { every: "20ms", store: sqliteCheckpoints({ file }) } });
    expect((await contents(topicIn(file, "out"))).sort()).toEqual(oracle(100));
  });
});
