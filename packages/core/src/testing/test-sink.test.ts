import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import type { SinkWriter } from "../connector.js";
import { contextOf, TASK } from "./sink-bench.js";
import { sinkSuite } from "./sink-suite.js";
import { testContext } from "./test-context.js";
import { type TestSink, testSink } from "./test-sink.js";

for (const writes of ["append", "idempotent", "versioned"] as const) {
  sinkSuite<number>({
    name: `testSink, ${writes}`,
    async setup() {
      const sink = testSink<number>("results", { writes });
      return { sink: () => sink, contents: async () => sink.values, teardown: async () => {} };
    },
    sample: (index) => index,
  });
}

async function writer<T>(sink: TestSink<T>): Promise<SinkWriter<T>> {
  return (await sink.connect(testContext())).open(TASK, undefined);
}

describe("testSink", () => {
  it("remembers values and what came with them", async () => {
    const sink = testSink<string>();
    const open = await writer(sink);
    await open.write(["a", "b"], contextOf(2, 5));
    await open.flush?.(7);
    expect([sink.name, sink.values, sink.flushes]).toEqual(["test", ["a", "b"], [7]]);
    const { signal: _, ...rest } = contextOf(2, 5);
    expect(sink.writesTaken).toEqual([{ values: ["a", "b"], ...rest, task: TASK }]);
  });

  it("fails as often as told, transiently unless told otherwise, writing nothing", async () => {
    const sink = testSink<string>();
    const open = await writer(sink);
    sink.failNext(1);
    expect(await open.write(["a", "b"], contextOf(2, 0))).toEqual([
      expect.objectContaining({ class: "transient" }),
      expect.objectContaining({ class: "transient" }),
    ]);
    const poison = { class: "poison", code: "E_X", message: "no" } as const;
    sink.failNext(2, poison);
    sink.failNext(1, "written");
    expect(await open.write(["a"], contextOf(1, 0))).toEqual([poison]);
    expect(await open.write(["a"], contextOf(1, 0))).toEqual([poison]);
    expect(sink.values).toEqual([]);
    expect(await open.write(["a"], contextOf(1, 0))).toBeUndefined();
    expect([sink.values, sink.attempts]).toEqual([["a"], 4]);
    expect(() => sink.failNext(1.5)).toThrow(/E_ARGUMENT/);
  });

  it("hangs until it is released, or the write's signal ends", async () => {
    const sink = testSink<string>();
    const open = await writer(sink);
    sink.stall();
    const hanging = open.write(["a"], contextOf(1, 0));
    const controller = new AbortController();
    const given = open.write(["b"], { ...contextOf(1, 1), signal: controller.signal });
    expect([sink.counts.hanging, sink.values]).toEqual([2, []]);
    controller.abort(new Error("enough"));
    await expect(given).rejects.toThrow(/E_ABORTED/);
    sink.release();
    await hanging;
    await open.write(["c"], contextOf(1, 2));
    expect([sink.values, sink.counts.hanging]).toEqual([["a", "c"], 0]);
    await expect(open.write(["d"], { ...contextOf(1, 3), signal: controller.signal })).rejects.toThrow("enough");
    expect(sink.values).toEqual(["a", "c"]);
  });

  it("leaves no listener on the signal of a write it held", async () => {
    const sink = testSink<string>();
    const open = await writer(sink);
    sink.stall();
    const { signal } = new AbortController();
    const hanging = open.write(["a"], { ...contextOf(1, 0), signal });
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    sink.release();
    await hanging;
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  it("replaces a value of the same id in its place, unless it appends", async () => {
    const contents: Record<string, string[]> = {};
    for (const writes of ["append", "idempotent"] as const) {
      const sink = testSink<string>("x", { writes });
      const open = await writer(sink);
      await open.write(["a", "b"], contextOf(2, 0));
      await open.write(["A"], contextOf(1, 0));
      contents[writes] = sink.values;
    }
    expect(contents).toEqual({ append: ["a", "b", "A"], idempotent: ["A", "b"] });
  });

  it("counts connections and writers, and passes its options on", async () => {
    const sink = testSink("x", { batch: { size: 5 }, concurrency: 3, system: "memory:1" });
    expect([sink.batch, sink.concurrency, sink.system]).toEqual([{ size: 5 }, 3, "memory:1"]);
    expect("batch" in testSink()).toBe(false);
    const connection = await sink.connect(testContext());
    const open = await connection.open(TASK, undefined);
    expect(sink.counts).toEqual({ connects: 1, closes: 0, openWriters: 1, hanging: 0 });
    await open.close();
    await connection.close();
    await connection.close();
    expect(sink.counts).toEqual({ connects: 1, closes: 1, openWriters: 0, hanging: 0 });
  });
});
