import { describe, expect, it } from "vitest";
import type { Sink } from "../connector.js";
import { contextOf, TASK } from "../testing/sink-bench.js";
import { testContext } from "../testing/test-context.js";
import { collectSink, countSink, forEachSink, lastSink } from "./callback-sinks.js";
import { discardSink } from "./discard-sink.js";

async function write<T>(sink: Sink<T>, ...batches: T[][]): Promise<void> {
  const connection = await sink.connect(testContext());
  const writer = await connection.open(TASK, undefined);
  for (const batch of batches) expect(await writer.write(batch, contextOf(batch.length, 0))).toBeUndefined();
  await writer.close();
  await connection.close();
}

describe("collectSink", () => {
  it("appends in order", async () => {
    const into = [0];
    await write(collectSink(into), [1, 2], [], [3]);
    expect(into).toEqual([0, 1, 2, 3]);
  });

  it("takes a batch of any size", async () => {
    const into: number[] = [];
    await write(
      collectSink(into),
      Array.from({ length: 300_000 }, (_, i) => i),
    );
    expect([into.length, into.at(-1)]).toEqual([300_000, 299_999]);
  });
});

describe("forEachSink", () => {
  it("calls the function with each value, in order", async () => {
    const seen: number[] = [];
    await write(
      forEachSink<number>((value) => void seen.push(value)),
      [1, 2],
      [3],
    );
    expect(seen).toEqual([1, 2, 3]);
  });

  it("stops at the value whose call throws, for good", async () => {
    const seen: number[] = [];
    const cause = new Error("no twos");
    const sink = forEachSink<number>((value) => {
      seen.push(value);
      if (value === 2) throw cause;
    });
    await expect(write(sink, [1, 2, 3])).rejects.toMatchObject({
      class: "fatal",
      code: "E_OPERATOR",
      message: "forEach() failed on 2: no twos",
      cause,
    });
    expect(seen).toEqual([1, 2]);
  });

  it("refuses a promise, also one that fails", async () => {
    const sink = forEachSink<number>(async () => {
      throw new Error("unhandled");
    });
    await expect(write(sink, [1])).rejects.toMatchObject({
      class: "fatal",
      code: "E_OPERATOR",
      message: expect.stringContaining("mapAsync"),
    });
    await new Promise((resolve) => setImmediate(resolve));
  });
});

describe("lastSink", () => {
  it("has the newest value, undefined before the first", async () => {
    const sink = lastSink<number>();
    expect(sink.value).toBeUndefined();
    await write(sink, [1, 2], []);
    expect(sink.value).toBe(2);
    await write(sink, [3]);
    expect(sink.value).toBe(3);
  });
});

describe("countSink", () => {
  it("counts", async () => {
    const sink = countSink();
    await write(sink, [1, undefined], [], ["x"]);
    expect(sink.count).toBe(3);
  });
});

describe("discardSink", () => {
  it("takes everything, and a replay changes nothing", async () => {
    expect(discardSink().writes).toBe("idempotent");
    await write(discardSink(), [1, 2]);
  });
});
