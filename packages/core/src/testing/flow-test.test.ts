import { describe, expect, it } from "vitest";
import type { Stream } from "../stream.js";
import { tumbling } from "../windows/tumbling.js";
import { testFlow } from "./flow-test.js";

const counting = { init: () => 0, onValue: (n: number) => [n + 1, n + 1] as [number, number] };

describe("testFlow()", () => {
  it("gives what comes out of what was sent, as soon as the call resolves", async () => {
    const test = testFlow<number, number>((numbers) => numbers.map((n) => n * 2));
    await test.send(1);
    expect(test.take()).toEqual([2]);
    await test.send(2);
    await test.send(3);
    expect(test.take()).toEqual([4, 6]);
    expect(test.take()).toEqual([]);
  });

  it("gives values with key, time and origin; the origin has the partition and the number of the call", async () => {
    const test = testFlow<string, string>((words) => words.keyBy((word) => word.length), { partitions: ["a", "b"] });
    await test.send("xy", { time: 7, partition: "b" });
    await test.send("z", { time: 8 });
    expect(test.elements()).toEqual([
      { value: "xy", key: 2, time: 7, origin: { source: "input", partition: "b", offset: 0, index: "" } },
      { value: "z", key: 1, time: 8, origin: { source: "input", partition: "a", offset: 1, index: "" } },
    ]);
  });

  it("moves the watermark of each partition, by minimum; an idle one does not hold it until it comes back", async () => {
    const test = testFlow<number, number>((numbers) => numbers, { partitions: ["a", "b"] });
    expect(test.watermarkOut()).toBeUndefined();
    await test.watermark(10, "a");
    expect(test.watermarkOut()).toBeUndefined();
    await test.watermark(4, "b");
    expect(test.watermarkOut()).toBe(4);
    await test.idle("b");
    expect(test.watermarkOut()).toBe(10);
    await test.send(1, { time: 11, partition: "b" });
    await test.watermark(20, "a");
    expect(test.watermarkOut()).toBe(10);
    await test.watermark(15);
    expect(test.watermarkOut()).toBe(15);
  });

  it("marks values as eventTime does, so that lateness is by their own partition", async () => {
    const test = testFlow<number, unknown>((numbers) => numbers.window("w", tumbling({ size: 10 })).count(), {
      partitions: ["a", "b"],
    });
    await test.watermark(50, "a");
    // Partition b holds the merged watermark back, but this is late for its own partition.
    await test.send(1, { time: 3, partition: "a" });
    await test.send(2, { time: 3, partition: "b" });
    await test.watermark(50);
    expect(test.take()).toMatchObject([{ value: 1, window: { start: 0, end: 10 } }]);
    expect(test.summary().operators.find(({ id }) => id === "w")).toMatchObject({ late: 1 });
  });

  it("counts an idle input that comes back before the value it comes back with", async () => {
    const build = (numbers: Stream<number>) =>
      numbers
        .merge(numbers.map((n) => n))
        .window("w", tumbling({ size: 10 }))
        .count();
    const test = testFlow<number, { value: number }>(build);
    await test.send(1, { time: 1 });
    await test.idle("0");
    await test.send(2, { time: 2 });
    await test.watermark(9);
    expect(test.take()).toMatchObject([{ value: 4 }]);
  });

  it("goes by its own clock, from startMs on", async () => {
    const test = testFlow<number, number[]>((numbers) => numbers.batch({ size: 9, within: "1s" }), { startMs: 5_000 });
    expect(test.clock.now()).toBe(5_000);
    await test.advance("10s");
    await test.send(1);
    await test.advance(999);
    expect(test.take()).toEqual([]);
    await test.advance(1);
    expect(test.take()).toEqual([[1]]);
    expect(test.clock.now()).toBe(16_000);
  });

  it("may be moved on in time before it is decided whether the input is timed", async () => {
    const test = testFlow<number, { value: number }>((numbers) => numbers.window("w", tumbling({ size: 10 })).count());
    await test.advance("1s");
    await test.send(1, { time: 1 });
    await test.watermark(9);
    expect(test.take()).toMatchObject([{ value: 1 }]);
  });

  it("waits for open calls only when told that they have ended", async () => {
    const open: ((n: number) => void)[] = [];
    const test = testFlow<number, number>((numbers) =>
      numbers.mapAsync(() => new Promise<number>((resolve) => open.push(resolve))),
    );
    await test.send(1);
    await test.send(2);
    expect([test.take(), open.length]).toEqual([[], 2]);
    open[0]?.(10);
    await test.settle();
    expect(test.take()).toEqual([10]);
  });

  it("restarts through a checkpoint: state, watermarks and timers come back, what came out does not come again", async () => {
    const test = testFlow<number, number>((numbers) => numbers.keyBy((n) => n % 2).stateful("count", counting));
    for (const n of [1, 2, 3]) await test.send(n);
    expect(test.take()).toEqual([1, 1, 2]);
    await test.restart();
    expect(test.take()).toEqual([]);
    await test.send(5);
    expect(test.take()).toEqual([3]);

    const windows = testFlow<number, { value: number }>(
      (numbers) => numbers.window("w", tumbling({ size: 10 })).count(),
      {
        partitions: ["a", "b"],
      },
    );
    await windows.send(1, { time: 1 });
    await windows.watermark(5, "a");
    await windows.restart();
    await windows.watermark(9, "b");
    expect(windows.watermarkOut()).toBe(5);
    await windows.watermark(9, "a");
    expect(windows.take()).toMatchObject([{ value: 1 }]);
  });

  it("restarts operators that have no name, and those that lose their state are seen", async () => {
    const test = testFlow<number, number[]>((numbers) => numbers.skip(1).batch({ size: 3 }));
    for (const n of [1, 2, 3]) await test.send(n);
    await test.restart();
    await test.send(4);
    expect(test.take()).toEqual([[2, 3, 4]]);
  });

  it("ends the input: what is held comes out, and the summary says so", async () => {
    const test = testFlow<number, number[]>((numbers) => numbers.batch({ size: 9 }));
    await test.send(1);
    await test.send(2);
    expect(test.summary().status).toBe("stopped");
    await test.end();
    expect(test.take()).toEqual([[1, 2]]);
    expect(test.summary()).toMatchObject({ status: "completed", discarded: 0 });
    await expect(test.send(3)).rejects.toMatchObject({ code: "E_ARGUMENT" });
  });

  it("throws what ends the run, from this call on", async () => {
    const test = testFlow<number, number>((numbers) =>
      numbers.map((n) => {
        if (n === 2) throw new Error("two");
        return n;
      }),
    );
    await test.send(1);
    await expect(test.send(2)).rejects.toMatchObject({ code: "E_OPERATOR" });
    await expect(test.send(3)).rejects.toMatchObject({ code: "E_OPERATOR" });
    expect(() => test.take()).toThrow(expect.objectContaining({ code: "E_OPERATOR" }));
  });

  it("freezes values on their way, so that a function that changes them fails", async () => {
    const changes = (n: { deep: { list: number[] } }) => {
      n.deep.list.push(1);
    };
    const test = testFlow<{ deep: { list: number[] } }, unknown>((values) => values.tap(changes));
    await expect(test.send({ deep: { list: [] } })).rejects.toMatchObject({ code: "E_OPERATOR" });
    const made: { n: number }[] = [];
    const out = testFlow<number, { n: number }>((numbers) =>
      numbers.map((n) => ({ n })).tap((each) => void made.push(each)),
    );
    await out.send(1);
    expect(Object.isFrozen(made[0])).toBe(true);
    // Cycles and what can not be frozen are no trouble.
    const cyclic: { self?: unknown; bytes: Uint8Array } = { bytes: new Uint8Array(2) };
    cyclic.self = cyclic;
    const odd = testFlow<unknown, unknown>((values) => values);
    await odd.send(cyclic);
    expect(odd.take()).toEqual([cyclic]);
  });

  it("refuses what it can not do", async () => {
    const untimed = testFlow<number, number>((numbers) => numbers);
    await untimed.send(1);
    await expect(untimed.send(2, { time: 2 })).rejects.toMatchObject({ code: "E_ARGUMENT" });
    await expect(untimed.watermark(2)).rejects.toMatchObject({ code: "E_ARGUMENT" });
    const timed = testFlow<number, number>((numbers) => numbers);
    await timed.send(1, { time: 1 });
    await expect(timed.send(2)).rejects.toMatchObject({ code: "E_ARGUMENT" });
    await expect(timed.send(2, { time: 2, partition: "none" })).rejects.toMatchObject({ code: "E_ARGUMENT" });
  });
});
