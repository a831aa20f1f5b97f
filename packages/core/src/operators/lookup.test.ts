import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { batchOf, type Out, originOf, StageHarness } from "../../test/stage-harness.js";
import { WriteError } from "../connector.js";
import type { CallContext } from "../policy.js";
import { type LookupPolicy, lookup } from "./lookup.js";

interface Open {
  readonly keys: readonly string[];
  readonly context: CallContext;
  resolve(found?: ReadonlyMap<string, string>): void;
  reject(error: unknown): void;
}

/** A table whose fetches are answered when the test says so, by default with the key and a version. */
function setUp(options: LookupPolicy = {}, onError: "fail" | "skip" = "skip") {
  const fetches: Open[] = [];
  const feeds: { invalidate(key: string): void; readonly signal: AbortSignal; end(error?: Error): void }[] = [];
  const state = { version: 0, missing: new Set<string>() };
  const answer = (keys: readonly string[]): ReadonlyMap<string, string> =>
    new Map(keys.filter((key) => !state.missing.has(key)).map((key) => [key, `${key}${state.version}`]));
  const table = {
    name: "t",
    fetch: (keys: readonly string[], context: CallContext): Promise<ReadonlyMap<string, string>> =>
      new Promise((resolve, reject) => {
        fetches.push({ keys, context, resolve: (found = answer(keys)) => resolve(found), reject });
      }),
    changes: (invalidate: (key: string) => void, signal: AbortSignal): Promise<void> =>
      new Promise((resolve, reject) => {
        feeds.push({ invalidate, signal, end: (error) => (error === undefined ? resolve() : reject(error)) });
      }),
  };
  const spec = lookup(
    (value: string) => value[0] as string,
    table,
    (value, found) => `${value}:${found}`,
    options,
  );
  const harness = new StageHarness(spec, { onError });
  const answerAll = async (): Promise<unknown[]> => {
    for (const fetch of fetches.splice(0)) fetch.resolve();
    await harness.settle();
    return harness.take();
  };
  const keys = (): string[] => fetches.map((fetch) => fetch.keys.join(""));
  return { harness, fetches, feeds, state, answerAll, keys, table };
}

const cache = { max: 10, ttl: 100 };

describe("lookup", () => {
  it("gives each value with what was found for its key, beside the same columns, in order", async () => {
    const { harness, state, answerAll, keys } = setUp();
    state.missing.add("b");
    const sent = ["a1", "b1", "a2"].map((value, i) => ({ value, time: i, key: "k", origin: originOf(i), mark: 5 }));
    harness.sendBatch(batchOf(sent, "p"));
    expect(keys()).toEqual(["ab"]);
    expect(await answerAll()).toEqual(["a1:a0", "b1:undefined", "a2:a0"]);
    const {
      times,
      keys: columnOfKeys,
      origins,
      marks,
      partition,
    } = (harness.batches[0] as { batch: ReturnType<typeof batchOf> }).batch;
    expect([times, columnOfKeys, origins, marks, partition]).toEqual([
      [0, 1, 2],
      ["k", "k", "k"],
      sent.map(({ origin }) => origin),
      [5, 5, 5],
      "p",
    ]);
  });

  it("takes many values into one fetch, however few calls there may be", async () => {
    const { harness, keys, answerAll } = setUp({ concurrency: 1, batch: { size: 3 } });
    harness.send(["a", "b", "c", "d", "e", "a", "b"]);
    expect(keys()).toEqual(["abc"]);
    await answerAll();
    expect(keys()).toEqual(["de"]);
    expect(await answerAll()).toEqual(["d:d0", "e:e0", "a:a0", "b:b0"]);
  });

  it("fills fetches up with the values that were waiting, not one by one", async () => {
    const { harness, keys, answerAll } = setUp({ concurrency: 1, batch: { size: 100 } });
    const values = Array.from({ length: 1_024 }, (_, i) => String.fromCharCode(0x4e00 + i));
    harness.send(values).send(values.map((value) => String.fromCharCode(value.charCodeAt(0) + 0x1000)));
    const sizes: number[] = [];
    while (keys().length > 0) {
      sizes.push(...keys().map((key) => key.length));
      await answerAll();
    }
    expect([sizes.length, Math.min(...sizes.slice(0, -1))]).toEqual([Math.ceil(2_048 / 100), 100]);
  });

  it("keeps answers for their time, and misses only where asked to", async () => {
    const { harness, keys, answerAll, state } = setUp({ cache: { ...cache, missTtl: 50 } });
    state.missing.add("b");
    harness.send(["a1", "b1"]);
    await answerAll();
    harness.set(49).send(["a2", "b2"]);
    expect([keys(), harness.take()]).toEqual([[], ["a2:a0", "b2:undefined"]]);
    harness.set(99).send(["a3", "b3"]);
    expect(keys()).toEqual(["b"]);
    expect(await answerAll()).toEqual(["a3:a0", "b3:undefined"]);
    state.version = 1;
    harness.set(100).send(["a4"]);
    expect(await answerAll()).toEqual(["a4:a1"]);
    expect(harness.counters).toMatchObject({ cacheHits: 3, cacheMisses: 4 });
    const plain = setUp({ cache });
    plain.state.missing.add("b");
    plain.harness.send(["b"]);
    await plain.answerAll();
    plain.harness.send(["b"]);
    expect(plain.keys()).toEqual(["b"]);
    const uncached = setUp({});
    uncached.harness.send(["a"]);
    expect(uncached.harness.counters).not.toHaveProperty("cacheMisses");
  });

  it("lets out a batch of kept answers at once, as one", async () => {
    const { harness, answerAll } = setUp({ cache });
    harness.send(["a", "b"]);
    await answerAll();
    harness.batches = [];
    harness.send(["a1", "b1", "a2"]);
    expect(harness.batches.map(({ batch }) => batch.values)).toEqual([["a1:a0", "b1:b0", "a2:a0"]]);
  });

  it("gives an old answer while it fetches a new one, where asked to", async () => {
    const { harness, keys, answerAll, state, fetches } = setUp({ cache: { ...cache, staleWhileRevalidate: true } });
    harness.send(["a1"]);
    await answerAll();
    state.version = 1;
    harness.set(100).send(["a2", "a3"]);
    expect([harness.take(), keys()]).toEqual([["a2:a0", "a3:a0"], ["a"]]);
    await harness.stage.onBarrier?.();
    await answerAll();
    harness.send(["a4"]);
    expect([harness.take(), keys()]).toEqual([["a4:a1"], []]);
    harness.set(300).send(["a5"]);
    fetches.splice(0)[0]?.reject(new Error("down"));
    await harness.settle();
    harness.send(["a6"]);
    expect([harness.take(), keys(), harness.errors, harness.warnings]).toEqual([
      ["a5:a1", "a6:a1"],
      [],
      [],
      ['lookup "t": a kept answer could not be refreshed, so the old one is given on'],
    ]);
    harness.set(400).send(["a7"]);
    expect(keys()).toEqual(["a"]);
  });

  it("fetches anew what the table says has changed, also what was under way then", async () => {
    const { harness, keys, answerAll, state, feeds, fetches } = setUp({ cache });
    const feed = feeds[0] as (typeof feeds)[number];
    harness.send(["a1"]);
    await answerAll();
    feed.invalidate("a");
    harness.send(["a2"]);
    expect(keys()).toEqual(["a"]);
    const stale = fetches.splice(0)[0] as Open;
    state.version = 1;
    feed.invalidate("a");
    stale.resolve(new Map([["a", "a0"]]));
    await harness.settle();
    expect(harness.take()).toEqual(["a2:a0"]);
    harness.send(["a3"]);
    expect(keys()).toEqual(["a"]);
    expect(await answerAll()).toEqual(["a3:a1"]);
    harness.send(["a4"]);
    expect([harness.take(), keys()]).toEqual([["a4:a1"], []]);
  });

  it("trusts nothing it kept when the feed of changes broke, and begins it again until it is closed", async () => {
    const { harness, keys, answerAll, feeds } = setUp({ cache });
    harness.send(["a1"]);
    await answerAll();
    feeds[0]?.end(new Error("gone"));
    await harness.settle();
    harness.send(["a2"]);
    expect([keys(), harness.warnings, feeds.length]).toEqual([
      ["a"],
      ['lookup "t": the feed of changes broke, and is begun again'],
      1,
    ]);
    harness.set(100);
    expect(feeds).toHaveLength(2);
    feeds[1]?.end();
    await harness.settle();
    expect(harness.warnings).toHaveLength(2);
    void harness.stage.close?.();
    harness.set(100_000);
    feeds[1]?.end();
    await harness.settle();
    expect([feeds.length, feeds[1]?.signal.aborted, harness.clock.pending]).toEqual([2, true, 0]);
    expect(setUp().feeds).toEqual([]);
  });

  it("fails the values that waited for a fetch that failed, after its retries", async () => {
    const { harness, fetches, keys } = setUp({ retry: { attempts: 2, delay: 10 }, cache });
    harness.send(["a1", "b1", "a2"]);
    fetches.splice(0)[0]?.reject(new Error("down"));
    await harness.settle();
    harness.set(5);
    expect([keys(), fetches[0]?.context.attempt]).toEqual([["ab"], 2]);
    fetches.splice(0)[0]?.reject(new Error("down"));
    await harness.settle();
    expect(harness.errors.map(({ value, error, attempts }) => `${value} ${String(error)} ${attempts}`)).toEqual(
      ["a1", "a2", "b1"].map((value) => `${value} StreamError: E_LOOKUP: lookup "t" failed: down 2`),
    );
    harness.send(["a3"]);
    expect(keys()).toEqual(["a"]);
    const hard = setUp({ timeout: 10 }, "fail");
    hard.harness.send(["a1", "b1"]);
    hard.harness.set(10);
    await expect(hard.harness.settle()).rejects.toThrow("failed on a1");
  });

  it("ends the run for a failure of class fatal", async () => {
    const { harness, fetches } = setUp();
    harness.send(["a1"]);
    fetches[0]?.reject(new WriteError("fatal", "E_AUTH", "wrong password"));
    await expect(harness.settle()).rejects.toThrow('operator "lookup-1" can not go on: E_AUTH: wrong password');
  });

  it("fails a value whose key or combination fails, and no other", async () => {
    const table = { name: "t", fetch: async (keys: readonly string[]) => new Map(keys.map((key) => [key, key])) };
    const spec = lookup(
      (value: string) => (value === "none" ? (undefined as unknown as string) : value),
      table,
      (value, found) => {
        if (value === "bad") throw new Error("no");
        return found;
      },
    );
    const harness = new StageHarness(spec, { onError: "skip" });
    harness.send(["a", "none", "bad", "b"]);
    await harness.settle();
    expect([harness.take(), harness.errors.map(({ value, attempts }) => [value, attempts])]).toEqual([
      ["a", "b"],
      [
        ["none", 1],
        ["bad", 1],
      ],
    ]);
  });

  it("takes a table that answers at once, thousands of times", () => {
    const table = { name: "t", fetch: (keys: readonly number[]) => new Map(keys.map((key) => [key, -key])) as never };
    const harness = new StageHarness(
      lookup(
        (n: number) => n,
        table,
        (_, found) => found,
        { batch: { size: 1 }, concurrency: 1 },
      ),
    );
    harness.send(Array.from({ length: 20_000 }, (_, i) => i + 1));
    return harness.settle().then(() => {
      expect(harness.take()).toEqual(Array.from({ length: 20_000 }, (_, i) => -i - 1));
    });
  });

  it("is connected and closed by the run, and says that its answers may change", () => {
    const { harness, table } = setUp();
    expect([harness.spec.resources, harness.spec.async, harness.spec.lowers]).toEqual([
      [table],
      true,
      'what "t" answers may be stale, and may be another answer after a replay',
    ]);
  });

  it("refuses options that are none", () => {
    const refuse =
      (options: LookupPolicy): (() => unknown) =>
      () =>
        setUp(options);
    expect(refuse({ batch: { size: 0 } })).toThrow(/E_ARGUMENT: lookup "t": batch.size/);
    expect(refuse({ batch: { size: 1, within: 0 } })).toThrow(/E_DURATION: lookup "t": batch.within/);
    expect(refuse({ concurrency: 0 })).toThrow(/E_ARGUMENT: lookup "t": concurrency/);
    expect(refuse({ order: "x" as never })).toThrow(/E_ARGUMENT: lookup "t": order/);
    expect(refuse({ timeout: 0 })).toThrow(/E_DURATION: lookup "t": timeout/);
    expect(refuse({ cache: { max: 0, ttl: 1 } })).toThrow(/E_ARGUMENT: lookup "t": cache.max/);
    expect(refuse({ cache: { max: 1, ttl: 0 } })).toThrow(/E_DURATION: lookup "t": cache.ttl/);
    expect(refuse({ cache: { max: 1, ttl: 1, missTtl: 0 } })).toThrow(/E_DURATION: lookup "t": cache.missTtl/);
    expect(() =>
      lookup(
        (n: number) => n,
        {} as never,
        () => 0,
      ),
    ).toThrow(/E_ARGUMENT: lookup "undefined": the second argument must have fetch/);
  });
});

describe("lookup orders", () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 4, size: "max" }) },
    { weight: 3, arbitrary: fc.nat() },
    { weight: 1, arbitrary: fc.constant("watermark" as const) },
  );
  for (const order of ["input", "key", "any"] as const) {
    it(`"${order}" gives every value its own key's answer, in its order, with each key fetched once at a time`, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(step, { maxLength: 20, size: "max" }),
          fc.integer({ min: 1, max: 3 }),
          fc.boolean(),
          async (steps, size, cached) => {
            const { harness, fetches } = setUp({
              order,
              batch: { size },
              concurrency: 2,
              ...(cached ? { cache: { max: 2, ttl: 10 } } : {}),
            });
            const sent: string[] = [];
            const answerOne = async (choice: number): Promise<void> => {
              expect(new Set(fetches.flatMap(({ keys }) => keys)).size).toBe(
                fetches.reduce((sum, { keys }) => sum + keys.length, 0),
              );
              expect(fetches.length).toBeLessThanOrEqual(2);
              fetches.splice(choice % Math.max(1, fetches.length), 1)[0]?.resolve();
              await harness.settle();
            };
            for (const each of steps) {
              if (each === "watermark") harness.watermark(sent.length);
              else if (typeof each === "number") await answerOne(each);
              else {
                const values = each.map((key, i) => `${key}${sent.length + i}`);
                sent.push(...values);
                harness.sendBatch(batchOf(values.map((value) => ({ value, key: value[0] as string }))));
              }
            }
            while (fetches.length > 0) await answerOne(0);
            const out = harness.log
              .filter((entry): entry is Out => "output" in entry)
              .map(({ value }) => String(value));
            const expected = sent.map((value) => `${value}:${value[0]}0`);
            expect([...out].sort()).toEqual([...expected].sort());
            if (order === "input") expect(out).toEqual(expected);
            if (order === "key")
              for (const key of ["a", "b", "c"])
                expect(out.filter((value) => value[0] === key)).toEqual(expected.filter((value) => value[0] === key));
          },
        ),
        { numRuns: 60 },
      );
    });
  }
});
