import { describe, expect, it } from "vitest";
import type { AssignmentListener } from "../connector.js";
import { sourceSuite } from "./source-suite.js";
import { testContext } from "./test-context.js";
import { testSource } from "./test-source.js";

for (const bounded of [true, false]) {
  sourceSuite<number>({
    name: `testSource, ${bounded ? "bounded" : "unbounded"}`,
    async setup(values) {
      const source = testSource<number>({ partitions: ["a", "b", "c"], bounded, commits: true, batchSize: 7 });
      const store = (more: readonly number[]): void => {
        for (const value of more) source.push(value, { partition: ["a", "b", "c"][value % 3] as string, time: value });
        if (bounded) source.end();
        else source.caughtUp();
      };
      store(values);
      return { source: () => source, append: async (more) => store(more), teardown: async () => {} };
    },
    sample: (index) => index,
  });
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const ignoring: AssignmentListener = { assigned: async () => {}, lost: async () => {} };

describe("testSource", () => {
  it("gives values with times, offsets and poison as scripted", async () => {
    const source = testSource<string>();
    source.push("a", { time: 5 });
    source.push("b", { offset: 10n });
    source.poison(new Uint8Array([1]), { offset: "bad" });
    source.push("c");
    const reader = await (await source.connect(testContext())).open("0", undefined);
    expect(await reader.read()).toEqual({
      values: ["a", "b", "c"],
      offsets: [0, 10n, 3],
      times: [5, Number.NaN, Number.NaN],
      position: "4",
      poison: [{ offset: "bad", raw: new Uint8Array([1]), error: { code: "E_DECODE", message: expect.any(String) } }],
    });
  });

  it("waits for more, says it is caught up once when asked, and ends when told", async () => {
    const source = testSource<string>();
    const reader = await (await source.connect(testContext())).open("0", undefined);
    let state = "pending";
    const follow = (): void =>
      void reader.read().then((batch) => (state = JSON.stringify(batch?.values ?? "end") + (batch?.caughtUp ?? "")));
    follow();
    await turn();
    expect(state).toBe("pending");
    source.push("a");
    await turn();
    expect(state).toBe('["a"]');
    source.caughtUp();
    follow();
    await turn();
    expect(state).toBe("[]true");
    follow();
    state = "pending";
    await turn();
    expect(state).toBe("pending");
    source.end("0");
    await turn();
    expect(state).toBe('"end"');
  });

  it("fails a read once, then goes on", async () => {
    const source = testSource<string>();
    source.push("a");
    source.fail(new Error("broken"));
    const reader = await (await source.connect(testContext())).open("0", undefined);
    await expect(reader.read()).rejects.toThrow("broken");
    expect((await reader.read())?.values).toEqual(["a"]);
  });

  it("keeps commits over runs, refuses those of an old generation, and fails one when told", async () => {
    const source = testSource<string>({ commits: true });
    const connection = await source.connect(testContext());
    await connection.subscribe(ignoring);
    await connection.commit?.(new Map([["0", "3"]]), 1);
    source.failCommit(new Error("no quorum"));
    await expect(connection.commit?.(new Map([["0", "4"]]), 1)).rejects.toThrow("no quorum");
    await source.assign("0");
    await expect(connection.commit?.(new Map([["0", "5"]]), 1)).rejects.toThrow(/E_FENCED.*generation 1/);
    await connection.commit?.(new Map([["0", "6"]]), 2);
    expect([source.commits.map(({ generation }) => generation), source.committedPositions.get("0")]).toEqual([
      [1, 2],
      "6",
    ]);
    await connection.close();
    expect(await (await source.connect(testContext())).committed?.("0")).toBe("6");
  });

  it("takes and gives partitions, waiting for the listener", async () => {
    const source = testSource<string>({ partitions: ["a", "b"] });
    const connection = await source.connect(testContext());
    const seen: string[] = [];
    await connection.subscribe({
      assigned: async (partitions, generation) => {
        await turn();
        seen.push(`+${partitions}@${generation}`);
      },
      lost: async (partitions, generation) => {
        await turn();
        seen.push(`-${partitions}@${generation}`);
      },
    });
    await source.lose("b");
    await source.assign("b");
    expect(seen).toEqual(["+a,b@1", "-b@1", "+b@2"]);
    await connection.close();
    await expect(source.lose("a")).rejects.toThrow(/E_ARGUMENT.*not subscribed/);
  });

  it("remembers what was opened and closed", async () => {
    const source = testSource<string>({ partitions: ["a", "b"] });
    const connection = await source.connect(testContext());
    const reader = await connection.open("b", "2");
    await connection.open("a", undefined);
    expect([source.opened, source.counts]).toEqual([
      [
        { partition: "b", position: "2" },
        { partition: "a", position: undefined },
      ],
      { connects: 1, closes: 0, openReaders: 2 },
    ]);
    await reader.close();
    await connection.close();
    await connection.close();
    expect(source.counts).toEqual({ connects: 1, closes: 1, openReaders: 0 });
  });

  it("has no commit() unless asked for, and refuses what it does not have", async () => {
    const source = testSource<string>({ name: "s" });
    const connection = await source.connect(testContext());
    expect([connection.commit, connection.committed]).toEqual([undefined, undefined]);
    expect(() => source.push("a", { partition: "9" })).toThrow(/E_ARGUMENT.*"s" has no partition "9", only 0/);
    expect(() => testSource({ partitions: [] })).toThrow(/E_ARGUMENT/);
    expect(() => testSource({ batchSize: 0 })).toThrow(/E_ARGUMENT/);
  });
});
