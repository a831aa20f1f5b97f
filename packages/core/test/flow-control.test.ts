import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  from,
  type Lookup,
  memoryCheckpoints,
  type RunOptions,
  type Sink,
  type Source,
  type Stream,
  topology,
} from "../src/index.js";
import { DEFAULT_CHANNEL } from "../src/runtime/channel.js";
import { seededRandom } from "../src/testing/seeded-random.js";
import { testSink } from "../src/testing/test-sink.js";
import { testSource } from "../src/testing/test-source.js";
import { type VirtualClock, virtualClock } from "../src/testing/virtual-clock.js";
import { outcome, recordingSink, virtualRun } from "./recording.js";

/** An endless source that counts what is read of it. */
function counted(batch = 100, bytes?: number): Source<number> & { read: number } {
  const source = {
    name: "endless",
    read: 0,
    connect: async () => ({
      subscribe: (listener: { assigned(partitions: string[], generation: number): Promise<void> }) =>
        listener.assigned(["0"], 1),
      open: async () => {
        let closed = false;
        return {
          read: async () => {
            if (closed) return undefined;
            const values = Array.from({ length: batch }, () => source.read++);
            return { values, position: String(source.read), ...(bytes === undefined ? {} : { bytes: bytes * batch }) };
          },
          close: async () => {
            closed = true;
          },
        };
      },
      comparePositions: (left: string, right: string) => Number(left) - Number(right),
      close: async () => {},
    }),
  };
  return source;
}

async function readUntilStill(
  source: { readonly read: number },
  branches: Parameters<typeof topology>[1][],
  channel: NonNullable<RunOptions["channel"]> = {},
): Promise<number> {
  const options = virtualRun();
  const run = topology("t", ...branches).start({ ...options, channel });
  await options.clock.settle();
  const { read } = source;
  await options.clock.advance("10s");
  expect(source.read).toBe(read);
  run.abort();
  await run.done.catch(() => {});
  return read;
}

/** Finds every number as itself. */
const numbers: Lookup<number, number> = {
  name: "numbers",
  fetch: async (keys) => new Map(keys.map((n) => [n, n])),
};

/** A sink that never ends a write. */
function stalled(name = "stalled", batch?: { size: number }): Sink<unknown> {
  const sink = testSink<unknown>(name, batch === undefined ? {} : { batch });
  sink.stall();
  return sink;
}

describe("backpressure", () => {
  const FETCH = 100;
  /** In the sink: a write under way, and what waits for it. */
  const SINK = 2 * 10 + FETCH;

  it.each<[string, number, (stream: Stream<number>, sink: Sink<unknown>) => Parameters<typeof topology>[1][]]>([
    ["a sink", 1, (s, sink) => [s.to(sink)]],
    [
      "a sink below operators",
      2,
      (s, sink) => [
        s
          .map((n) => n)
          .filter(() => true)
          .to(sink),
      ],
    ],
    ["a merge", 3, (s, sink) => [s.merge(s).to(sink)]],
    ["one branch of a fan-out", 2, (s, sink) => [s.to(sink), s.map((n) => n).to(testSink("free"))]],
    [
      "one branch of a split",
      3,
      (s, sink) => s.split((n) => n % 2 === 0).map((branch, i) => branch.to(i === 0 ? sink : testSink("free"))),
    ],
    [
      "a dead-letter target",
      3,
      (s, sink) => [
        s
          .map(() => fail())
          .onError(sink)
          .to(testSink("free")),
      ],
    ],
    [
      "the dead-letter target of a sink",
      3,
      (s, sink) => {
        const refusing = testSink<number>("refusing", { batch: { size: 10 } });
        refusing.failNext(10_000, { class: "poison", code: "E_X", message: "no" });
        return [s.to(refusing, { onError: sink })];
      },
    ],
    [
      "an async function that never answers",
      2,
      (s) => [s.mapAsync(() => new Promise(() => {}), { concurrency: 4 }).to(testSink("free"))],
    ],
    ["a throttle", 2, (s) => [s.throttle({ elements: 1, per: "1d" }).to(testSink("free"))]],
  ])("of %s stops reading: no more is read than its channels and one fetch hold", async (_what, channels, build) => {
    const source = counted(FETCH);
    const read = await readUntilStill(source, build(from(source), stalled("stalled", { size: 10 })));
    // A batch already cut may go over a limit, and mapAsync, throttle and the like hold a batch of their own.
    expect(read).toBeLessThanOrEqual(channels * (DEFAULT_CHANNEL.values + 1_024) + SINK + FETCH + 2_048);
    expect(read).toBeGreaterThan(0);
  });

  it.each<[string, number, (stream: Stream<number>) => Stream<unknown>]>([
    ["operators", 2, (s) => s.map((n) => n).filter(() => true)],
    ["an async function", 3, (s) => s.mapAsync(async (n) => n, { concurrency: 4 }).map((n) => n)],
    [
      "a lookup",
      2,
      (s) =>
        s.lookup(
          (n) => n,
          numbers,
          (n) => n,
          { batch: { size: 20 }, concurrency: 2 },
        ),
    ],
    ["what makes many of one", 2, (s) => s.flatMap((n) => [n, n, n])],
  ])(
    "a run may hold less: through %s no more is read than its smaller channels hold",
    async (_what, parts, through) => {
      const small = 64;
      const fetch = 1_000;
      const source = counted(fetch);
      const branches = [through(from(source)).to(stalled("stalled", { size: 10 }))];
      const read = await readUntilStill(source, branches, { values: small });
      // Each part has its channel and what it holds itself, and an emission may go over; but for the first, which takes a whole fetch; the next one waits in the source.
      expect(read).toBeLessThanOrEqual(2 * fetch + parts * 3 * small + SINK);
      expect(read).toBeGreaterThan(small);
    },
  );

  it("the size of channels changes nothing of what comes out", async () => {
    const results = async (values: number): Promise<unknown[]> =>
      from(() => Array.from({ length: 3_000 }, (_, n) => n))
        .flatMap((n) => (n % 3 === 0 ? [n, -n, n + 1] : [n]))
        .mapAsync(async (n) => n * 2, { concurrency: 8 })
        .lookup(
          (n) => n % 7,
          numbers,
          (n, found) => ({ n, found }),
          { batch: { size: 20 } },
        )
        .keyBy(({ n }) => n % 5)
        .fold(0, (sum, { n, found }) => sum + n + (found ?? 0), { name: "sums" })
        .collect({ channel: { values } });
    const expected = await results(DEFAULT_CHANNEL.values);
    expect(expected).toHaveLength(5_000);
    for (const values of [1, 3, 64]) expect(await results(values)).toEqual(expected);
  });

  it("refuses a channel that could hold nothing", () => {
    const none = topology("t", from([1]).to(testSink("out")));
    expect(() => none.start({ channel: { values: 0 } })).toThrow(/channel\.values/);
    expect(() => none.start({ channel: { bytes: 0.5 } })).toThrow(/channel\.bytes/);
  });

  it("holds where values become many: a stalled sink lets few be made, and nothing is lost of them", async () => {
    const source = testSource<number>({ batchSize: 1_024 });
    for (let i = 0; i < 600; i++) source.push(i);
    source.end();
    let made = 0;
    const lines = (n: number) => {
      made += 500;
      return Array.from({ length: 500 }, (_, i) => n * 500 + i);
    };
    const sink = testSink<number>("out");
    sink.stall();
    const options = virtualRun();
    const many = from(source)
      .map((n) => n)
      .flatMap(lines)
      .map((n) => n);
    const run = topology("t", many.to(sink)).start(options);
    await options.clock.settle();
    expect(made).toBeLessThan(4 * DEFAULT_CHANNEL.values);
    sink.release();
    await run.done;
    expect(made).toBe(300_000);
    expect(sink.values).toHaveLength(300_000);
    expect(sink.values.every((value, i) => value === i)).toBe(true);
  });

  it("is by bytes where the source says how many", async () => {
    const source = counted(10, 100_000);
    const read = await readUntilStill(source, [from(source).to(stalled("stalled", { size: 10 }))]);
    expect(read).toBeLessThanOrEqual(DEFAULT_CHANNEL.bytes / 100_000 + 4 * 10);
    expect(read).toBeGreaterThan(10);
    const less = counted(10, 100_000);
    const branches = [from(less).to(stalled("stalled", { size: 10 }))];
    expect(await readUntilStill(less, branches, { bytes: 1_000_000 })).toBeLessThanOrEqual(5 * 10);
  });

  it("ends with the stall: all goes on in order", async () => {
    const source = testSource<number>({ batchSize: 100 });
    for (let i = 0; i < 30_000; i++) source.push(i);
    source.end();
    const sink = testSink<number>("out");
    sink.stall();
    const options = virtualRun();
    const run = topology(
      "t",
      from(source)
        .map((n) => n)
        .to(sink),
    ).start(options);
    await options.clock.advance("1h");
    expect(sink.values).toEqual([]);
    sink.release();
    await run.done;
    expect(sink.values).toEqual(Array.from({ length: 30_000 }, (_, i) => i));
  });

  it("of pause() stops one source or all, also before the run has begun, until resume()", async () => {
    const sources = ["a", "b"].map((name) => testSource<string>({ name }));
    for (const source of sources) source.push(`${source.name}0`);
    const sink = testSink<string>("out");
    const options = virtualRun();
    const run = topology("t", ...sources.map((source) => from(source).to(sink))).start(options);
    run.pause("a");
    await options.clock.settle();
    expect(sink.values).toEqual(["b0"]);
    expect(run.health().reasons).toContain('source "a" is paused');
    run.pause();
    run.resume("a");
    for (const source of sources) source.push(`${source.name}1`);
    await options.clock.settle();
    expect(sink.values).toEqual(["b0", "a0", "a1"]);
    run.resume();
    await options.clock.settle();
    expect(sink.values).toEqual(["b0", "a0", "a1", "b1"]);
    expect(() => run.pause("c")).toThrow(expect.objectContaining({ code: "E_ARGUMENT" }));
    run.abort();
    await run.done.catch(() => {});
  });
});

function fail(): never {
  throw new Error("no");
}

describe("a run in which nothing can move any more", () => {
  const split = (source: Source<number>) => {
    const [even, odd] = from(source).split((n) => n % 2 === 0);
    return even.zip(odd.filter(() => false));
  };

  it("fails after 30 s and names the channels", async () => {
    const options = virtualRun();
    const run = topology("t", split(counted()).to(testSink("out"))).start(options);
    const done = outcome(run.done);
    await options.clock.advance("29s");
    expect(done.settled).toBe(false);
    await options.clock.advance("1m");
    expect(done.error).toMatchObject({ code: "E_STALLED" });
    expect(String(done.error)).toMatch(/split-1 → zip-1/);
    expect(options.clock.pending).toBe(0);
  });

  it("fails under checkpoints, which let values in up to their barriers, with the limit of what is held", async () => {
    const options = virtualRun({ checkpoint: { every: "1s", store: memoryCheckpoints() } });
    const [even, odd] = from(counted(1_000)).split((n) => n % 2 === 0);
    const rows = even.zipWith([odd.filter(() => false)], (left, right) => [left, right], { name: "rows" });
    const done = outcome(topology("t", rows.to(testSink("out"))).run(options));
    await options.clock.advance("1m");
    expect(done.error).toMatchObject({ code: "E_STATE_LIMIT", operator: "rows" });
    expect(String(done.error)).toMatch(/values of input 0 wait for input 1/);
  });

  it.each<[string, (stream: Stream<number>) => Parameters<typeof topology>[1]]>([
    ["a slow sink", (s) => s.to(stalled())],
    ["a slow dead-letter target", (s) => s.map(fail).onError(stalled()).to(testSink("out"))],
    ["a slow async function", (s) => s.mapAsync(() => new Promise(() => {})).to(testSink("out"))],
    ["a throttle", (s) => s.throttle({ elements: 1, per: "1h" }).to(testSink("out"))],
    [
      "a batch that fills slowly",
      (s) =>
        s
          .filter((n) => n < 2)
          .batch({ size: 10, within: "1h" })
          .to(testSink("out")),
    ],
  ])("is not one that waits for %s", async (_what, build) => {
    const options = virtualRun();
    const source = counted();
    const run = topology("t", build(from(source).filter((n) => n < 100_000 || source.read < 200_000))).start(options);
    if (_what.startsWith("a batch")) run.pause();
    const done = outcome(run.done);
    await options.clock.advance("10m");
    expect(done.settled).toBe(false);
    run.abort();
    await run.done.catch(() => {});
  });

  it("is not one that is paused", async () => {
    const options = virtualRun();
    const run = topology("t", from(counted()).to(testSink("out", { batch: { size: 5_000, within: "1h" } }))).start(
      options,
    );
    run.pause();
    const done = outcome(run.done);
    await options.clock.advance("10m");
    expect(done.settled).toBe(false);
    run.abort();
    await run.done.catch(() => {});
  });
});

describe("order", () => {
  const steps = fc.array(fc.constantFrom("map", "filter", "flatMap", "async", "pass", "skip", "merge", "batch"), {
    maxLength: 7,
  });

  it("of a chain is that of the array, for any batch and read sizes", async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.integer(), async (chain, seed) => {
        const random = seededRandom(seed);
        const values = Array.from({ length: Math.floor(random() * 300) }, () => Math.floor(random() * 1_000));
        const source = testSource<number>({ batchSize: 1 + Math.floor(random() * 40) });
        for (const value of values) source.push(value);
        source.end();
        const clock = virtualClock(0);
        const later = (n: number) =>
          new Promise<number>((resolve) => {
            clock.schedule(clock.now() + Math.floor(random() * 20), () => resolve(n));
          });
        let stream = from(source);
        let oracle = values;
        for (const step of chain) {
          if (step === "map") [stream, oracle] = [stream.map((n) => n + 1), oracle.map((n) => n + 1)];
          if (step === "filter")
            [stream, oracle] = [stream.filter((n) => n % 4 !== 0), oracle.filter((n) => n % 4 !== 0)];
          if (step === "flatMap")
            [stream, oracle] = [stream.flatMap((n) => [n, n * 2]), oracle.flatMap((n) => [n, n * 2])];
          if (step === "async") stream = stream.mapAsync(later, { concurrency: 5 });
          if (step === "pass") stream = stream.passThrough();
          if (step === "skip") [stream, oracle] = [stream.skip(3), oracle.slice(3)];
          // A merge of which one side is empty keeps the order of the other.
          if (step === "merge") stream = stream.merge(stream.filter(() => false));
          if (step === "batch") stream = stream.batch({ size: 5 }).flatten();
        }
        const sink = recordingSink<number>("out", { batch: { size: 1 + Math.floor(random() * 50) } });
        const done = outcome(topology("t", stream.to(sink)).run(virtualRun({ clock })));
        for (let i = 0; i < 5_000 && !done.settled; i++) await clock.advance(25);
        expect(done.error).toBeUndefined();
        expect(sink.values).toEqual(oracle);
      }),
      { numRuns: 60 },
    );
  });

  it("of each input is kept through merges, splits and round robins", async () => {
    const sources = ["a", "b", "c"].map((name, i) => {
      const source = testSource<string>({ name, batchSize: 3 + i });
      for (let n = 0; n < 500; n++) source.push(`${name}${String(n).padStart(4, "0")}`);
      source.end();
      return from(source);
    });
    const [first, ...others] = sources as [Stream<string>, ...Stream<string>[]];
    const [some, rest] = first.merge(...others).split((text) => text.charCodeAt(4) % 3 === 0);
    const sinks = ["some", "rest", "robin0", "robin1"].map((name) => recordingSink<string>(name));
    const robins = rest.roundRobin(2).map((branch, i) => branch.to(sinks[2 + i] as Sink<string>));
    await topology("t", some.to(sinks[0] as Sink<string>), rest.to(sinks[1] as Sink<string>), ...robins).run(
      virtualRun(),
    );
    for (const { values } of sinks) {
      for (const name of ["a", "b", "c"]) {
        const own = values.filter((text) => text.startsWith(name));
        expect(own).toEqual([...own].sort());
      }
    }
    expect(sinks.slice(0, 2).flatMap(({ values }) => values)).toHaveLength(1_500);
    expect(sinks.slice(2).flatMap(({ values }) => values)).toHaveLength(sinks[1]?.values.length as number);
  });
});

/** A sink whose writes end when the test says so. */
function manualSink(options: Partial<Sink<string>> = {}) {
  const open: { readonly values: readonly string[]; done(): void; fail(error: unknown): void }[] = [];
  const written: string[] = [];
  let most = 0;
  const sink: Sink<string> = {
    name: "manual",
    writes: "append",
    ...options,
    connect: async () => ({
      open: async () => ({
        write: (values) =>
          new Promise<void>((resolve, reject) => {
            const remove = () => open.splice(open.indexOf(entry), 1);
            const entry = {
              values,
              done: () => {
                remove();
                written.push(...values);
                resolve();
              },
              fail: (error: unknown) => {
                remove();
                reject(error);
              },
            };
            open.push(entry);
            most = Math.max(most, open.length);
          }),
        close: async () => {},
      }),
      close: async () => {},
    }),
  };
  return { sink, open, written, mostOpen: () => most };
}

describe("a sink", () => {
  async function running(
    build: (stream: Stream<string>) => Parameters<typeof topology>[1],
    values: readonly string[],
    batchSize = 256,
  ) {
    const source = testSource<string>({ batchSize });
    for (const value of values) source.push(value);
    const options = virtualRun();
    const run = topology("t", build(from(source))).start(options);
    await options.clock.settle();
    return { source, run, clock: options.clock as VirtualClock };
  }
  const letters = "a1 b1 a2 c1 a3 b2 d1 a4".split(" ");
  const byLetter = (text: string) => text[0] as string;

  it('in order "input" has one write at a time', async () => {
    const { sink, open, written, mostOpen } = manualSink({ batch: { size: 2 } });
    const { source, run, clock } = await running((s) => s.to(sink), letters);
    source.end();
    while (open.length > 0) {
      open[0]?.done();
      await clock.settle();
    }
    await run.done;
    expect([written, mostOpen()]).toEqual([letters, 1]);
  });

  it('in order "any" has as many writes at a time as concurrency says, and no more', async () => {
    const { sink, open, written, mostOpen } = manualSink({ batch: { size: 1 } });
    const { source, run, clock } = await running((s) => s.to(sink, { concurrency: 3, order: "any" }), letters);
    expect(open.map(({ values }) => values)).toEqual([["a1"], ["b1"], ["a2"]]);
    source.end();
    while (open.length > 0) {
      open.at(-1)?.done();
      await clock.settle();
    }
    await run.done;
    expect([written.toSorted(), mostOpen()]).toEqual([letters.toSorted(), 3]);
  });

  it('in order "key", the default on a keyed stream with concurrency, keeps the order of each key; a slow key holds only its own lane', async () => {
    const { sink, open, written, mostOpen } = manualSink({ batch: { size: 1 } });
    const { source, run, clock } = await running((s) => s.keyBy(byLetter).to(sink, { concurrency: 4 }), letters);
    source.end();
    // The lane of a stays blocked until nothing else moves.
    for (;;) {
      const other = open.find(({ values }) => values[0]?.[0] !== "a");
      if (other === undefined) break;
      other.done();
      await clock.settle();
    }
    const others = [...written];
    while (open.length > 0) {
      open[0]?.done();
      await clock.settle();
    }
    await run.done;
    expect(others.length).toBeGreaterThan(0);
    expect(mostOpen()).toBeGreaterThan(1);
    for (const key of "abcd")
      expect(written.filter((text) => text[0] === key)).toEqual(letters.filter((text) => text[0] === key));
  });

  it("keeps every key in its order under retries and random ends of writes", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom("a", "b", "c", "d", "e"), { maxLength: 60 }),
        fc.integer(),
        async (keys, seed) => {
          const random = seededRandom(seed);
          const values = keys.map((key, i) => `${key}${String(i).padStart(3, "0")}`);
          const { sink, open, written, mostOpen } = manualSink({ batch: { size: 1 + Math.floor(random() * 4) } });
          const concurrency = 1 + Math.floor(random() * 4);
          const { source, run, clock } = await running(
            (s) => s.keyBy(byLetter).to(sink, { concurrency, order: "key", retry: { attempts: 99 } }),
            values,
            7,
          );
          source.end();
          const done = outcome(run.done);
          while (!done.settled) {
            const entry = open[Math.floor(random() * open.length)];
            if (random() < 0.3) entry?.fail(new Error("again"));
            else entry?.done();
            await clock.advance("11s");
          }
          expect(written.toSorted()).toEqual(values.toSorted());
          for (const key of "abcde")
            expect(written.filter((text) => text[0] === key)).toEqual(values.filter((text) => text[0] === key));
          expect(mostOpen()).toBeLessThanOrEqual(concurrency);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("waits for a batch to fill, at most `within` by the clock; without `within` it waits for nothing", async () => {
    const { sink, open } = manualSink({ batch: { size: 3, within: "1s" } });
    const { source, run, clock } = await running((s) => s.to(sink, { concurrency: 9, order: "any" }), ["a", "b"]);
    await clock.advance(999);
    expect(open).toEqual([]);
    await clock.advance(1);
    expect(open.map(({ values }) => values)).toEqual([["a", "b"]]);
    for (const value of ["c", "d", "e", "f"]) source.push(value);
    await clock.settle();
    expect(open.map(({ values }) => values)).toEqual([
      ["a", "b"],
      ["c", "d", "e"],
    ]);
    await clock.advance("1s");
    expect(open[2]?.values).toEqual(["f"]);
    run.abort();
    await run.done.catch(() => {});

    const eager = manualSink({ batch: { size: 3 } });
    const second = await running((s) => s.to(eager.sink), ["a"]);
    expect(eager.open.map(({ values }) => values)).toEqual([["a"]]);
    second.run.abort();
    await second.run.done.catch(() => {});
  });

  it("writes a full batch at once, however small the pieces it came in", async () => {
    const { sink, open } = manualSink({ batch: { size: 60, within: "1h" } });
    const { source, run, clock } = await running((s) => s.to(sink), [], 1);
    for (let i = 0; i < 100; i++) source.push(String(i));
    await clock.settle();
    expect(open[0]?.values).toHaveLength(60);
    run.abort();
    await run.done.catch(() => {});
  });

  it("lets a barrier through behind any number of watermarks that came during a flush, though nothing is written", async () => {
    const source = testSource<number>({ batchSize: 1, commits: true });
    let release = (): void => {};
    const sink: Sink<number> = {
      name: "out",
      writes: "append",
      connect: async () => ({
        open: async () => ({
          write: async () => {},
          flush: (epoch) =>
            epoch > 1
              ? Promise.resolve()
              : new Promise<void>((resolve) => {
                  release = resolve;
                }),
          close: async () => {},
        }),
        close: async () => {},
      }),
    };
    const options = virtualRun();
    const timed = from(source).eventTime((n) => n);
    const run = topology("t", timed.filter(() => false).to(sink)).start(options);
    source.push(0);
    await options.clock.advance("5s");
    for (let i = 1; i < 100; i++) source.push(i * 1_000);
    await options.clock.settle();
    release();
    await options.clock.advance("5s");
    expect(source.commits.map(({ positions }) => positions.get("0"))).toEqual(["1", "100"]);
    run.abort();
    await run.done.catch(() => {});
  });

  it("of several inputs gives each value an id of its own", async () => {
    const source = testSource<string>({ name: "in" });
    source.push("x");
    source.end();
    const sink = testSink<string>("out", { writes: "idempotent" });
    const stream = from(source);
    const summary = await topology("t", stream.to(sink), stream.map((text) => `${text}!`).to(sink)).run(virtualRun());
    expect(sink.values.toSorted()).toEqual(["x", "x!"]);
    expect(sink.writesTaken.flatMap(({ ids }) => ids).toSorted()).toEqual(["in/0/0/0", "in/0/0/1"]);
    // The source is read once, for both.
    expect(summary.operators.find(({ id }) => id === "in")).toMatchObject({ out: 1 });
    expect(source.opened).toHaveLength(1);
  });

  it("refuses settings that can not be", async () => {
    for (const settings of [
      { concurrency: 0 },
      { concurrency: 1.5 },
      { order: "none" as never },
      { batch: { size: 0 } },
      { retry: { attempts: 0 } },
    ]) {
      await expect(topology("t", from([1]).to(testSink("out"), settings)).run(virtualRun())).rejects.toMatchObject({
        code: "E_ARGUMENT",
      });
    }
  });
});
