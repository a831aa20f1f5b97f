import { describe, expect, it } from "vitest";
import { type Lookup, WriteError } from "../connector.js";
import { memoryCheckpoints } from "../state/memory-checkpoints.js";
import { delta } from "./checkpoint-bench.js";
import { checkpointSuite } from "./checkpoint-suite.js";
import { faultPoints } from "./fault-points.js";
import { faultyCheckpoints, faultyLookup, faultySink, faultySource } from "./faulty-parts.js";
import { contextOf, TASK } from "./sink-bench.js";
import { sinkSuite } from "./sink-suite.js";
import { sourceSuite } from "./source-suite.js";
import { testContext } from "./test-context.js";
import { testSink } from "./test-sink.js";
import { testSource } from "./test-source.js";
import { virtualClock } from "./virtual-clock.js";

sourceSuite<number>({
  name: "faultySource without a fault",
  async setup(values) {
    const source = testSource<number>({ bounded: false, commits: true });
    const store = async (more: readonly number[]): Promise<void> => {
      for (const value of more) source.push(value);
      source.caughtUp();
    };
    await store(values);
    return { source: () => faultySource(source, faultPoints()), append: store, teardown: async () => {} };
  },
  sample: (index) => index,
});

sinkSuite<number>({
  name: "faultySink without a fault",
  async setup() {
    const sink = testSink<number>("x", { writes: "idempotent" });
    return { sink: () => faultySink(sink, faultPoints()), contents: async () => sink.values, teardown: async () => {} };
  },
  sample: (index) => index,
});

checkpointSuite({
  name: "faultyCheckpoints without a fault",
  async setup() {
    const store = faultyCheckpoints(memoryCheckpoints(), faultPoints());
    return { store: () => store, teardown: async () => {} };
  },
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const reset = new WriteError("unknown-outcome", "E_RESET", "connection reset");

describe("faultPoints", () => {
  it("strikes as often as planned, after as many calls as planned, in order", async () => {
    const faults = faultPoints()
      .at("sink.write.before", { fail: "first" }, { after: 1, times: 2 })
      .at("sink.write.before", { fail: "second" }, { after: 1 });
    const results: unknown[] = [];
    for (let i = 0; i < 6; i++) results.push(await faults.pass("sink.write.before").catch((error) => error));
    expect(results).toEqual([undefined, "first", "first", undefined, "second", undefined]);
    expect([
      faults.reached("sink.write.before"),
      faults.struck("sink.write.before"),
      faults.struck("sink.write.after"),
    ]).toEqual([6, 3, 0]);
  });

  it("can strike for ever", async () => {
    const faults = faultPoints().at("lookup.fetch.before", { fail: "down" }, { times: Number.POSITIVE_INFINITY });
    for (let i = 0; i < 20; i++) await expect(faults.pass("lookup.fetch.before")).rejects.toBe("down");
  });

  it("holds a call until it is released, or its signal ends", async () => {
    const faults = faultPoints().at("store.commit.before", { hang: true }, { times: 3 });
    const controller = new AbortController();
    const released = faults.pass("store.commit.before");
    const aborted = faults.pass("store.commit.before", { signal: controller.signal });
    expect(faults.hanging).toBe(2);
    controller.abort(new Error("enough"));
    await expect(aborted).rejects.toThrow(/E_ABORTED/);
    await expect(faults.pass("store.commit.before", { signal: controller.signal })).rejects.toThrow(/E_ABORTED/);
    faults.release();
    await released;
    expect(faults.hanging).toBe(0);
  });

  it("delays by the clock, and leaves no timer when it is given up", async () => {
    const clock = virtualClock();
    const faults = faultPoints().at("sink.flush.before", { delay: "2s" }, { times: 2 });
    let done = false;
    const delayed = faults.pass("sink.flush.before", { clock }).then(() => {
      done = true;
    });
    await clock.advance(1_999);
    expect(done).toBe(false);
    await clock.advance(1);
    await delayed;
    const controller = new AbortController();
    const aborted = expect(faults.pass("sink.flush.before", { clock, signal: controller.signal })).rejects.toThrow(
      /E_ABORTED/,
    );
    controller.abort();
    await aborted;
    expect(clock.pending).toBe(0);
    await expect(faultPoints().at("lookup.fetch.before", { delay: 1 }).pass("lookup.fetch.before")).rejects.toThrow(
      /E_ARGUMENT.*no clock/,
    );
  });

  it("never comes back from a crash", async () => {
    const crashes: string[] = [];
    const faults = faultPoints().at("store.commit.after", { crash: () => crashes.push("now") });
    let back = false;
    faults.pass("store.commit.after").finally(() => {
      back = true;
    });
    await turn();
    expect([crashes, back]).toEqual([["now"], false]);
  });

  it("refuses numbers that are none", () => {
    expect(() => faultPoints().at("sink.write.before", { hang: true }, { after: -1 })).toThrow(/E_ARGUMENT/);
    expect(() => faultPoints().at("sink.write.before", { hang: true }, { times: 0 })).toThrow(/E_ARGUMENT/);
  });
});

describe("faultySource", () => {
  it("loses nothing when a read fails before or after it", async () => {
    const source = testSource<number>({ batchSize: 2 });
    for (let i = 0; i < 5; i++) source.push(i);
    source.end();
    const faults = faultPoints()
      .at("source.read.before", { fail: reset })
      .at("source.read.after", { fail: reset }, { after: 1, times: 2 });
    const reader = await (await faultySource(source, faults).connect(testContext())).open("0", undefined);
    const results: unknown[] = [];
    for (let i = 0; i < 7; i++)
      results.push(
        await reader.read().then(
          (batch) => batch?.values,
          (error) => error,
        ),
      );
    expect(results).toEqual([reset, [0, 1], reset, reset, [2, 3], [4], undefined]);
  });

  it("ends a read that hangs at close()", async () => {
    const faults = faultPoints().at("source.read.before", { hang: true });
    const reader = await (await faultySource(testSource(), faults).connect(testContext())).open("0", undefined);
    const read = reader.read();
    await reader.close();
    expect([await read, await reader.read(), faults.hanging]).toEqual([undefined, undefined, 0]);
  });

  it("strikes at connect, open, commit and committed, and keeps what the source is", async () => {
    const inner = testSource<number>({ name: "orders", commits: true, partitioned: true, bounded: false });
    const faults = faultPoints();
    const source = faultySource(inner, faults);
    expect([source.name, source.partitioned, source.bounded]).toEqual(["orders", true, false]);
    faults
      .at("source.connect.before", { fail: "connect" })
      .at("source.open.before", { fail: "open" })
      .at("source.commit.after", { fail: "commit" })
      .at("source.committed.before", { fail: "committed" });
    await expect(source.connect(testContext())).rejects.toBe("connect");
    const connection = await source.connect(testContext());
    await connection.subscribe({ assigned: async () => {}, lost: async () => {} });
    await expect(connection.open("0", undefined)).rejects.toBe("open");
    await expect(connection.commit?.(new Map([["0", "1"]]), 1)).rejects.toBe("commit");
    await expect(connection.committed?.("0")).rejects.toBe("committed");
    expect(await connection.committed?.("0")).toBe("1");
    expect((await faultySource(testSource(), faults).connect(testContext())).commit).toBeUndefined();
  });
});

describe("faultySink", () => {
  it("fails a write that was written, and one that was not", async () => {
    const sink = testSink<string>("x", { batch: { size: 9 }, concurrency: 2, system: "s" });
    const faults = faultPoints()
      .at("sink.write.before", { fail: reset }, { after: 1 })
      .at("sink.write.after", { fail: reset });
    const faulty = faultySink(sink, faults);
    expect(faulty).toMatchObject({ name: "x", writes: "append", batch: { size: 9 }, concurrency: 2, system: "s" });
    const writer = await (await faulty.connect(testContext())).open(TASK, undefined);
    await expect(writer.write(["a"], contextOf(1, 0))).rejects.toBe(reset);
    expect(sink.values).toEqual(["a"]);
    await expect(writer.write(["b"], contextOf(1, 1))).rejects.toBe(reset);
    expect(sink.values).toEqual(["a"]);
  });

  it("holds a flush", async () => {
    const sink = testSink<string>();
    const faults = faultPoints().at("sink.flush.before", { hang: true });
    const writer = await (await faultySink(sink, faults).connect(testContext())).open(TASK, undefined);
    const flushing = writer.flush?.(3);
    await turn();
    expect(sink.flushes).toEqual([]);
    faults.release();
    await flushing;
    expect(sink.flushes).toEqual([3]);
  });
});

describe("faultyLookup", () => {
  it("fails and holds a fetch, and keeps what the lookup has", async () => {
    const lookup: Lookup<string, number> = {
      name: "table",
      fetch: async (keys) => new Map(keys.map((key) => [key, key.length])),
      health: async () => ({ status: "up" }),
    };
    const faults = faultPoints().at("lookup.fetch.before", { fail: reset }).at("lookup.fetch.after", { delay: 5 });
    const clock = virtualClock();
    const faulty = faultyLookup(lookup, faults, clock);
    expect([faulty.name, await faulty.health?.(), faulty.connect, faulty.close]).toEqual([
      "table",
      { status: "up" },
      undefined,
      undefined,
    ]);
    const context = contextOf(1, 0);
    await expect(faulty.fetch(["a"], context)).rejects.toBe(reset);
    const fetched = faulty.fetch(["ab"], context);
    await clock.advance(5);
    expect(await fetched).toEqual(new Map([["ab", 2]]));
  });
});

describe("faultyCheckpoints", () => {
  it("tells a commit that failed from one whose answer was lost", async () => {
    const faults = faultPoints()
      .at("store.commit.before", { fail: "not done" })
      .at("store.commit.after", { fail: "done" });
    const connection = await faultyCheckpoints(memoryCheckpoints(), faults).connect(testContext());
    const { number } = await connection.lease("t");
    await expect(connection.commit("t", number, delta(1, []))).rejects.toBe("not done");
    expect(await connection.latestEpoch("t", number)).toBeUndefined();
    await expect(connection.commit("t", number, delta(1, []))).rejects.toBe("done");
    expect(await connection.latestEpoch("t", number)).toBe(1);
  });
});
