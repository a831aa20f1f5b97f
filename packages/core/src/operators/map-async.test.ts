import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { batchOf, type Out, originOf, StageHarness } from "../../test/stage-harness.js";
import { type Case, vectors } from "../../test/vectors/vectors.js";
import { WriteError } from "../connector.js";
import { type AsyncPolicy, mapAsync } from "./map-async.js";

interface Pending<T> {
  readonly value: T;
  readonly signal: AbortSignal;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/** A stage whose calls settle when the test says so. */
function setUp<T>(options: AsyncPolicy<T, unknown> = {}, onError: "fail" | "skip" = "skip") {
  const calls: Pending<T>[] = [];
  const spec = mapAsync<T, unknown>(
    (value, context) =>
      new Promise((resolve, reject) => {
        calls.push({
          value,
          get signal() {
            return context.signal;
          },
          resolve,
          reject,
        });
      }),
    options,
  );
  const harness = new StageHarness(spec, { onError });
  const call = (value: T): Pending<T> => calls.findLast((each) => each.value === value) as Pending<T>;
  const resolve = async (...values: T[]): Promise<void> => {
    for (const value of values) call(value).resolve(`r${value}`);
    await harness.settle();
  };
  return { harness, calls, call, resolve };
}

describe("mapAsync", () => {
  it("gives one value for each, beside its key, time, id and mark", async () => {
    const harness = new StageHarness(mapAsync(async (n: number) => n * 2));
    const sent = [1, 2].map((value) => ({ value, time: value * 10, key: "k", origin: originOf(value), mark: 5 }));
    harness.sendBatch(batchOf(sent, "p"));
    expect(harness.log).toEqual([]);
    await harness.settle();
    expect(harness.log).toEqual(
      sent.map(({ value, ...beside }) => ({ output: 0, value: value * 2, partition: "p", ...beside })),
    );
    expect(harness.batches).toHaveLength(1);
  });

  it("keeps at most `concurrency` calls in flight, 16 unless told otherwise, and takes no more while values wait", async () => {
    const { harness, calls, resolve } = setUp<number>({ concurrency: 2 });
    harness.send([1, 2]);
    expect([calls.length, harness.stage.full?.(0)]).toEqual([2, false]);
    harness.send([3, 4]);
    expect([calls.length, harness.stage.full?.(0), harness.stage.busy?.()]).toEqual([2, true, true]);
    expect(harness.stage.waiting?.()).toBe("2 values are under way, 2 wait for them, 0 results wait for their turn");
    await resolve(2);
    expect([calls.map(({ value }) => value), harness.take(), harness.wakes]).toEqual([[1, 2, 3], [], 0]);
    expect(harness.stage.waiting?.()).toBe("2 values are under way, 1 wait for them, 1 results wait for their turn");
    await resolve(1);
    expect([calls.length, harness.take(), harness.wakes, harness.stage.full?.(0)]).toEqual([4, ["r1", "r2"], 1, false]);
    await resolve(3, 4);
    expect([harness.take(), harness.stage.busy?.(), harness.stage.waiting?.()]).toEqual([
      ["r3", "r4"],
      false,
      undefined,
    ]);
    const plain = setUp<number>();
    plain.harness.send(Array.from({ length: 20 }, (_, i) => i));
    expect(plain.calls).toHaveLength(16);
  });

  it("lets the results of one tick out as one batch, across input batches of one partition", async () => {
    const { harness, resolve } = setUp<number>();
    for (const value of [1, 2, 3]) harness.sendBatch(batchOf([{ value }], "p"));
    harness.sendBatch(batchOf([{ value: 4 }], "q"));
    await resolve(3, 2, 4, 1);
    expect(harness.batches.map(({ batch }) => [batch.partition, batch.values])).toEqual([
      ["p", ["r1", "r2", "r3"]],
      ["q", ["r4"]],
    ]);
  });

  it("runs the values of a key one after another and keys beside each other, in order", async () => {
    const { harness, calls, resolve } = setUp<string>({ order: "key" });
    harness.sendBatch(batchOf(["a1", "a2", "b1", "a3"].map((value) => ({ value, key: value[0] as string }))));
    expect([calls.map(({ value }) => value), harness.stage.full?.(0)]).toEqual([["a1", "b1"], false]);
    await resolve("b1");
    expect(harness.take()).toEqual(["rb1"]);
    await resolve("a1");
    expect([harness.take(), calls.map(({ value }) => value)]).toEqual([["ra1"], ["a1", "b1", "a2"]]);
    await resolve("a2");
    await resolve("a3");
    expect(harness.take()).toEqual(["ra2", "ra3"]);
    expect(() => harness.send(["x"])).toThrow(/E_ARGUMENT: mapAsync-1: order "key" needs a keyed stream/);
  });

  it("bounds the results that wait behind a slow call", async () => {
    const { harness, resolve } = setUp<number>({ concurrency: 2 });
    harness.send([-1]);
    let sent = 0;
    for (; sent < 5_000 && harness.stage.full?.(0) === false; sent++) {
      harness.send([sent]);
      await Promise.resolve();
      await resolve(sent);
    }
    expect(sent).toBe(1_024 + 2 - 1);
    await resolve(-1);
    expect([harness.stage.full?.(0), harness.take().length]).toEqual([false, sent + 1]);
  }, 60_000);

  it("turns a failure into a dead letter, a fallback, or the end of the run", async () => {
    const { harness, call } = setUp<number>();
    harness.send([1, 2, 3]);
    call(2).reject(new Error("no"));
    for (const value of [1, 3]) call(value).resolve(value);
    await harness.settle();
    expect([
      harness.take(),
      harness.errors.map(({ value, error, attempts }) => [value, (error as Error).message, attempts]),
    ]).toEqual([[1, 3], [[2, "no", 1]]]);

    const soft = setUp<number>({
      fallback: (value, error) => (value === 1 ? `${value} ${(error as Error).message}` : raise(error)),
    });
    soft.harness.send([1, 2]);
    soft.call(1).reject(new Error("no"));
    soft.call(2).reject(new Error("neither"));
    await soft.harness.settle();
    expect([soft.harness.take(), soft.harness.errors.length]).toEqual([["1 no"], 1]);

    const hard = setUp<number>({}, "fail");
    hard.harness.send([1, 2]);
    const { signal } = hard.call(2);
    hard.call(1).reject(new Error("no"));
    await expect(hard.harness.settle()).rejects.toThrow("failed on 1");
    expect(signal.aborted).toBe(true);
  });

  it("repeats with `retry`, tells how often, and not what can not be cured", async () => {
    const { harness, calls } = setUp<number>({ retry: { attempts: 2, delay: 10 }, timeout: 100 });
    harness.send([1, 2]);
    calls[0]?.reject(new Error("first"));
    calls[1]?.reject(new WriteError("poison", "E_BAD", "bad"));
    await harness.settle();
    harness.clock.set(5);
    expect(calls.map(({ value }) => value)).toEqual([1, 2, 1]);
    harness.clock.set(105);
    expect(harness.errors.map(({ value, error, attempts }) => [value, (error as Error).message, attempts])).toEqual([
      [2, "bad", 1],
      [1, "E_TIMEOUT: a call of mapAsync-1 took longer than 100 ms", 2],
    ]);
  });

  it("ends the run for a failure of class fatal, whatever is to become of values that fail", async () => {
    const { harness, call } = setUp<number>({ fallback: () => "instead", retry: { attempts: 3 } });
    harness.send([1, 2]);
    const { signal } = call(2);
    call(1).reject(new WriteError("fatal", "E_AUTH", "wrong password"));
    await expect(harness.settle()).rejects.toThrow(
      'E_OPERATOR: operator "mapAsync-1" can not go on: E_AUTH: wrong password',
    );
    expect([signal.aborted, harness.take(), harness.errors]).toEqual([true, [], []]);
  });

  it("takes a function that throws at once, or answers at once, thousands of times", async () => {
    const sync = (n: number): PromiseLike<number> => {
      if (n % 2 === 0) throw new Error("no");
      return n as unknown as PromiseLike<number>;
    };
    const harness = new StageHarness(mapAsync(sync, { concurrency: 1 }), { onError: "skip" });
    harness.send(Array.from({ length: 20_000 }, (_, i) => i));
    expect([harness.take().length, harness.errors.length]).toEqual([10_000, 10_000]);
  });

  it("lets a barrier and the end pass when everything before is out", async () => {
    const { harness, resolve } = setUp<number>();
    harness.send([1, 2]);
    let passed = "";
    const note = (what: string) => () => {
      passed += `${what}:${harness.take().join()} `;
    };
    const barrier = Promise.resolve(harness.stage.onBarrier?.()).then(note("barrier"));
    await resolve(2);
    expect(passed).toBe("");
    await resolve(1);
    await barrier;
    harness.send([3]);
    const end = Promise.resolve(harness.stage.onEnd?.(harness.emit)).then(note("end"));
    await resolve(3);
    await end;
    expect(passed).toBe("barrier:r1,r2 end:r3 ");
    await harness.stage.onBarrier?.();
  });

  it("stops when nobody below wants more, and lets barriers pass then", async () => {
    const { harness, calls, call, resolve } = setUp<number>({ concurrency: 2 });
    harness.send([1, 2, 3, 4]);
    const barrier = harness.stage.onBarrier?.();
    const { signal } = call(2);
    harness.closedBelow = true;
    await resolve(1);
    await barrier;
    harness.send([5]).watermark(3);
    expect([signal.aborted, calls.length <= 3, harness.stage.full?.(0), harness.log.length]).toEqual([
      true,
      true,
      false,
      1,
    ]);
    await harness.stage.onEnd?.(harness.emit);
  });

  it("ends with the run: signals are aborted and late results ignored", async () => {
    const { harness, call, resolve } = setUp<number>({ timeout: 10 });
    harness.send([1]);
    const { signal } = call(1);
    harness.abort();
    expect(signal.aborted).toBe(true);
    await resolve(1);
    expect([harness.take(), harness.clock.pending]).toEqual([[], 0]);
    const closed = setUp<number>({ timeout: 10 });
    closed.harness.send([1]);
    void closed.harness.stage.close?.();
    await closed.resolve(1);
    expect([closed.harness.take(), closed.harness.clock.pending]).toEqual([[], 0]);
  });

  it("ends the run where those below fail on a result", async () => {
    const { harness, call } = setUp<number>();
    harness.send([1, 2]);
    const { signal } = call(2);
    harness.failBelow = new Error("below");
    call(1).resolve(1);
    await expect(harness.settle()).rejects.toThrow("below");
    expect(signal.aborted).toBe(true);
  });

  it("makes no AbortController unless the function looks at its signal", async () => {
    const harness = new StageHarness(mapAsync(async (n: number) => n, { timeout: 5 }));
    let made = 0;
    class Counted extends AbortController {
      constructor() {
        super();
        made++;
      }
    }
    vi.stubGlobal("AbortController", Counted);
    try {
      harness.send([1, 2, 3]);
      await harness.settle();
    } finally {
      vi.unstubAllGlobals();
    }
    expect([harness.take(), made]).toEqual([[1, 2, 3], 0]);
  });

  it("refuses options that are none, and says what its order costs", () => {
    const fn = async (n: number): Promise<number> => n;
    for (const concurrency of [0, 1.5])
      expect(() => mapAsync(fn, { concurrency })).toThrow(
        /E_ARGUMENT: mapAsync\(\): concurrency must be a whole number from 1/,
      );
    expect(() => mapAsync(fn, { order: "fast" as never })).toThrow(
      /E_ARGUMENT: mapAsync\(\): order must be "input", "key" or "any"; it is "fast"/,
    );
    expect(() => mapAsync(fn, { timeout: 0 })).toThrow(/E_DURATION: mapAsync\(\): timeout/);
    expect(() => mapAsync(fn, { retry: { attempts: 0 } })).toThrow(/E_ARGUMENT: mapAsync\(\): retry.attempts/);
    const flags = (["input", "key", "any"] as const)
      .map((order) => mapAsync(fn, { order }))
      .map(({ unordered, reads, lowers }) => [unordered, reads?.keys, lowers !== undefined]);
    expect(flags).toEqual([
      [false, false, false],
      [true, true, false],
      [true, false, true],
    ]);
  });
});

describe("mapAsync orders", () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 4, size: "max" }) },
    { weight: 4, arbitrary: fc.nat() },
    { weight: 2, arbitrary: fc.constant("watermark" as const) },
  );

  for (const order of ["input", "key", "any"] as const) {
    it(`"${order}" loses nothing, keeps its order, and never crosses a watermark`, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(step, { maxLength: 25, size: "max" }),
          fc.integer({ min: 1, max: 4 }),
          async (steps, concurrency) => {
            const { harness, calls } = setUp<string>({ order, concurrency });
            const open = new Set<Pending<string>>();
            const settleOne = async (choice: number): Promise<void> => {
              for (const each of calls.splice(0)) open.add(each);
              const one = [...open][choice % Math.max(1, open.size)];
              if (one === undefined) return;
              open.delete(one);
              one.resolve(one.value);
              await harness.settle();
            };
            const sent: string[] = [];
            for (const each of steps) {
              if (each === "watermark") {
                sent.push(`w${sent.length}`);
                harness.watermark(sent.length - 1);
              } else if (typeof each === "number") {
                await settleOne(each);
              } else {
                const values = each.map((key, i) => `${key}${sent.length + i}`);
                sent.push(...values);
                harness.sendBatch(batchOf(values.map((value) => ({ value, key: value[0] as string }))));
              }
            }
            for (let i = 0; i < sent.length; i++) await settleOne(i);
            const out = harness.log.map((entry) =>
              "watermark" in entry ? `w${entry.watermark}` : (entry as Out).value,
            ) as string[];
            expect(out.filter(isWatermark)).toEqual(sent.filter(isWatermark));
            expect(segments(out)).toEqual(segments(sent));
            if (order === "input") expect(out).toEqual(sent);
            if (order === "key")
              for (const key of ["a", "b", "c"])
                expect(out.filter((value) => value[0] === key)).toEqual(sent.filter((value) => value[0] === key));
          },
        ),
        { numRuns: 60 },
      );
    });
  }
});

type AsyncStep =
  | { readonly op: "element"; readonly value: number; readonly time: number }
  | { readonly op: "watermark" | "advanceProcessingTime"; readonly time: number }
  | { readonly op: "complete"; readonly value: number; readonly results: readonly string[] };

interface AsyncEntry {
  readonly after: number;
  readonly output?: { readonly value: string; readonly time: number };
  readonly watermark?: number;
}

/** Recorded from Flink's async operator. A result there is a list, so here a value is one, and the lists are written out. */
describe("F11 vectors", () => {
  for (const { id, operator, input, expected } of vectors<
    { mode: "ordered" | "unordered"; timeout?: number },
    AsyncStep,
    AsyncEntry
  >("f11-async") satisfies Case<unknown, unknown, AsyncEntry>[]) {
    it(id, async () => {
      const { mode, timeout } = operator.params;
      const { harness, call } = setUp<number>({
        order: mode === "ordered" ? "input" : "any",
        concurrency: input.length,
        ...(timeout === undefined ? {} : { timeout, fallback: (value: number) => [`timeout:${value}`] }),
      });
      const actual: AsyncEntry[] = [];
      for (const [after, step] of input.entries()) {
        if (step.op === "element") harness.send([step.value], { time: step.time });
        else if (step.op === "complete") call(step.value).resolve(step.results);
        else if (step.op === "watermark") harness.watermark(step.time);
        else harness.set(step.time);
        await harness.settle();
        for (const entry of harness.drain()) {
          if ("watermark" in entry) actual.push({ after, watermark: entry.watermark });
          else if ("value" in entry)
            for (const value of entry.value as string[])
              actual.push({ after, output: { value, time: entry.time as number } });
        }
      }
      expect(actual).toEqual(expected);
    });
  }
});

/** The values between the watermarks, each time in an order of their own. */
function segments(list: readonly string[]): string[][] {
  const all: string[][] = [[]];
  for (const entry of list) {
    if (isWatermark(entry)) all.push([]);
    else all.at(-1)?.push(entry);
  }
  return all.map((segment) => segment.sort());
}

function isWatermark(entry: string): boolean {
  return entry.startsWith("w");
}

function raise(error: unknown): never {
  throw error;
}
