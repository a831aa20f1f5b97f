import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SourceConnection, SourceReader } from "../connector.js";
import { testContext } from "../testing/test-context.js";
import { type PushSource, pushSource } from "./push-source.js";

async function open<T>(
  source: PushSource<T>,
  position?: string,
): Promise<{ connection: SourceConnection<T>; reader: SourceReader<T> }> {
  const connection = await source.connect(testContext());
  return { connection, reader: await connection.open("0", position) };
}

async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  promise.then(
    () => (done = true),
    () => (done = true),
  );
  await new Promise((resolve) => setImmediate(resolve));
  return done;
}

describe("pushSource", () => {
  it("gives what was pushed, before and during a run, and ends", async () => {
    const source = pushSource<string>({ name: "clicks" });
    expect([source.name, source.bounded]).toEqual(["clicks", true]);
    await source.push("a");
    await source.push("b");
    const { reader } = await open(source);
    expect(await reader.read()).toEqual({ values: ["a", "b"], offsets: [0, 1], position: "2", caughtUp: true });
    const read = reader.read();
    await source.push("c");
    expect(await read).toEqual({ values: ["c"], offsets: [2], position: "3", caughtUp: true });
    await source.push("d");
    source.end();
    expect((await reader.read())?.values).toEqual(["d"]);
    expect(await reader.read()).toBeUndefined();
  });

  it("says that it is caught up when nothing was pushed", async () => {
    const source = pushSource<string>({ name: "clicks" });
    const { reader } = await open(source);
    expect(await reader.read()).toEqual({ values: [], position: "0", caughtUp: true });
    const read = reader.read();
    expect(await settled(read)).toBe(false);
    source.end();
    expect(await read).toBeUndefined();
  });

  it("refuses a push after end()", async () => {
    const source = pushSource({ name: "clicks" });
    source.end();
    await expect(source.push(1)).rejects.toThrow(/E_SOURCE.*"clicks".*after end/);
  });

  it("blocks pushes when it is full, and keeps their order", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 0, max: 20 }), async (capacity, count) => {
        const source = pushSource<number>({ name: "clicks", capacity });
        const pushes = Array.from({ length: count }, (_, i) => source.push(i));
        const waiting = pushes[capacity];
        if (waiting !== undefined) expect(await settled(waiting)).toBe(false);
        source.end();
        const { reader } = await open(source);
        const seen: number[] = [];
        for (let batch = await reader.read(); batch !== undefined; batch = await reader.read()) {
          expect(batch.values.length).toBeLessThanOrEqual(capacity);
          seen.push(...batch.values);
        }
        await Promise.all(pushes);
        expect(seen).toEqual(Array.from({ length: count }, (_, i) => i));
        expect(source.dropped).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  it("resolves a blocked push when it is taken into the buffer", async () => {
    const source = pushSource<number>({ name: "clicks", capacity: 1 });
    await source.push(1);
    const second = source.push(2);
    expect(await settled(second)).toBe(false);
    const { reader } = await open(source);
    expect(await reader.read()).toMatchObject({ values: [1], caughtUp: false });
    await second;
    expect(await reader.read()).toMatchObject({ values: [2], caughtUp: true });
  });

  it("drops the oldest or the newest, counted, or refuses", async () => {
    const results: Record<string, unknown> = {};
    for (const overflow of ["drop-oldest", "drop-newest", "error"] as const) {
      const source = pushSource<number>({ name: "clicks", capacity: 2, overflow });
      const pushes = await Promise.allSettled([1, 2, 3, 4].map((n) => source.push(n)));
      const { reader } = await open(source);
      results[overflow] = [
        (await reader.read())?.values,
        source.dropped,
        pushes.map((push) => (push.status === "rejected" ? push.reason.code : "taken")),
      ];
    }
    const taken = ["taken", "taken", "taken", "taken"];
    expect(results).toEqual({
      "drop-oldest": [[3, 4], 2, taken],
      "drop-newest": [[1, 2], 2, taken],
      error: [[1, 2], 0, ["taken", "taken", "E_OVERFLOW", "E_OVERFLOW"]],
    });
  });

  it("holds 1,024 values and 10,000 waiting pushes by default", async () => {
    const source = pushSource<number>({ name: "clicks" });
    const pushes = Array.from({ length: 11_024 }, (_, i) => source.push(i));
    expect([await settled(pushes[1_023] as Promise<void>), await settled(pushes[1_024] as Promise<void>)]).toEqual([
      true,
      false,
    ]);
    await expect(source.push(0)).rejects.toThrow(/E_OVERFLOW.*10000 pushes waiting.*await/);
    const { connection } = await open(source);
    const ended = Promise.allSettled(pushes);
    await connection.close();
    expect((await ended).filter(({ status }) => status === "rejected")).toHaveLength(10_000);
  });

  it("takes large buffers in batches of 1,024", async () => {
    const source = pushSource<number>({ name: "clicks", capacity: 3_000 });
    for (let i = 0; i < 2_500; i++) await source.push(i);
    const { reader } = await open(source);
    const sizes = [await reader.read(), await reader.read(), await reader.read()].map((batch) => [
      batch?.values.length,
      batch?.caughtUp,
    ]);
    expect(sizes).toEqual([
      [1_024, false],
      [1_024, false],
      [452, true],
    ]);
  });

  it("close() ends a pending read, and what was not taken goes to the next run", async () => {
    const source = pushSource<string>({ name: "clicks", capacity: 1 });
    const first = await open(source);
    await first.reader.read();
    const read = first.reader.read();
    await first.reader.close();
    expect(await read).toBeUndefined();
    await source.push("kept");
    const waiting = source.push("refused");
    const refused = expect(waiting).rejects.toThrow(/E_ABORTED.*"clicks"/);
    await first.connection.close();
    await refused;
    const second = await open(source);
    expect(await second.reader.read()).toMatchObject({ values: ["kept"], offsets: [0] });
  });

  it("feeds one run at a time", async () => {
    const source = pushSource<string>({ name: "clicks" });
    const { connection } = await open(source);
    await expect(source.connect(testContext())).rejects.toThrow(/E_SOURCE.*another run/);
    await connection.close();
    await open(source);
  });

  it("counts on from a saved position, and warns of values that are lost", async () => {
    const warnings: string[] = [];
    const logger = { debug() {}, info() {}, warn: (message: string) => void warnings.push(message), error() {} };
    const source = pushSource<string>({ name: "clicks" });
    const connection = await source.connect(testContext({ logger }));
    await source.push("a");
    const first = await connection.open("0", "10");
    expect(await first.read()).toMatchObject({ values: ["a"], offsets: [10], position: "11" });
    expect(warnings).toEqual([]);
    await first.close();
    await source.push("b");
    const again = await connection.open("0", "10");
    expect(await again.read()).toMatchObject({ values: ["b"], offsets: [10] });
    expect(warnings).toEqual([expect.stringMatching(/"clicks": 1 values.*lost/)]);
  });

  it("refuses what it does not know", () => {
    expect(() => pushSource({ name: "x", overflow: "drop" as never })).toThrow(
      /E_ARGUMENT.*overflow must be one of block, drop-oldest, drop-newest, error; it is "drop"/,
    );
    for (const capacity of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => pushSource({ name: "x", capacity })).toThrow(/E_ARGUMENT.*capacity/);
  });
});
