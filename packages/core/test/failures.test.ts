import { describe, expect, it } from "vitest";
import {
  type DeadLetter,
  from,
  type RunOptions,
  type Sink,
  type Source,
  type Stream,
  type StreamError,
  topology,
  tumbling,
  WriteError,
} from "../src/index.js";
import type { ErrorClass } from "../src/policy.js";
import { testSink } from "../src/testing/test-sink.js";
import { type TestSource, testSource } from "../src/testing/test-source.js";
import { outcome, recordingStore, virtualRun } from "./recording.js";

function numbers(...values: number[]): TestSource<number> {
  const source = testSource<number>({ name: "in" });
  for (const value of values) source.push(value, { time: value });
  source.end();
  return source;
}

const odd = (n: number) => {
  if (n % 2 === 1) throw new Error(`odd: ${n}`);
  return n;
};

async function failureOf(branch: ReturnType<typeof topology>, options: RunOptions = {}): Promise<StreamError> {
  try {
    await branch.run(virtualRun(options));
  } catch (error) {
    return error as StreamError;
  }
  throw new Error("the run did not fail");
}

describe("a user's function that throws", () => {
  it.each<[string, (s: Stream<number>) => Stream<unknown>]>([
    ["map-1", (s) => s.map(odd)],
    ["filter-1", (s) => s.filter((n) => odd(n) >= 0)],
    ["flatMap-1", (s) => s.flatMap((n) => [odd(n)])],
    ["tap-1", (s) => s.tap(odd)],
    ["split-1", (s) => s.split((n) => odd(n) >= 0)[0]],
    ["keyBy-1", (s) => s.keyBy(odd)],
    ["fold-1", (s) => s.fold(0, (_sum, n) => odd(n))],
    ["reduce-1", (s) => s.reduce((_sum, n) => odd(n))],
    ["st", (s) => s.keyBy((n) => n).stateful("st", { init: () => 0, onValue: (_state, n) => [odd(n)] as [number] })],
    ["mapAsync-1", (s) => s.mapAsync(async (n) => odd(n))],
    ["eventTime-1", (s) => s.eventTime(odd)],
    [
      "w",
      (s) =>
        s
          .eventTime((n) => n)
          .window("w", tumbling({ size: 10 }))
          .fold(
            () => 0,
            (_sum, n) => odd(n),
          ),
    ],
  ])(
    "in %s ends the run: the error names the operator, the value and its origin, and has the cause",
    async (operator, build) => {
      const sink = testSink<unknown>("out");
      const error = await failureOf(topology("t", build(from(numbers(2, 4, 5, 6))).to(sink)));
      expect(error).toMatchObject({
        code: "E_OPERATOR",
        operator,
        cause: expect.objectContaining({ message: "odd: 5" }),
      });
      expect(error.message).toContain(`operator "${operator}" failed on 5`);
      expect(error.message).toContain("from in, partition 0, offset 2");
      expect(error.message).toContain("odd: 5");
    },
  );

  it("is passed over and counted with skip", async () => {
    const sink = testSink<number>("out");
    const summary = await topology(
      "t",
      from(numbers(1, 2, 3, 4))
        .map(odd)
        .onError("skip")
        .to(sink),
    ).run(virtualRun());
    expect(sink.values).toEqual([2, 4]);
    expect(summary.operators.find(({ id }) => id === "map-1")).toMatchObject({ in: 4, out: 2, failed: 2, skipped: 2 });
  });

  it("gives its target a dead letter with all that is known", async () => {
    const dead = testSink<DeadLetter<unknown>>("dead");
    const sink = testSink<number>("out");
    const options = virtualRun();
    await options.clock.set(5_000);
    const summary = await topology("scores", from(numbers(2, 3)).map(odd).onError(dead).to(sink)).run(options);
    expect(sink.values).toEqual([2]);
    expect(dead.values).toEqual([
      {
        value: 3,
        error: { class: "poison", code: "E_OPERATOR", message: "odd: 3" },
        operator: "map-1",
        origin: { source: "in", partition: "0", offset: 1, index: "" },
        attempts: 1,
        firstSeen: 5_000,
        topology: "scores",
      },
    ]);
    expect(summary.operators.find(({ id }) => id === "map-1")).toMatchObject({ failed: 1, skipped: 0 });
  });

  it("keeps class, code and attempts of what was thrown", async () => {
    const dead = testSink<DeadLetter<number>>("dead");
    const asked = from(numbers(1)).mapAsync(() => Promise.reject(new WriteError("throttled", "E_BUSY", "later")), {
      retry: { attempts: 3, delay: 1 },
      onError: dead,
    });
    const options = virtualRun();
    const done = outcome(topology("t", asked.to(testSink("out"))).run(options));
    await options.clock.advance("1s");
    expect(done.value).toMatchObject({ status: "completed" });
    expect(dead.values).toMatchObject([
      { error: { class: "throttled", code: "E_BUSY", message: "later" }, attempts: 3 },
    ]);
  });

  it("in the branch of a dead-letter target is fatal, like a target that can not be written", async () => {
    const branch = topology(
      "t",
      from(numbers(1))
        .map(odd)
        .onError((letters) => letters.map(() => odd(1)).to(testSink("dead")))
        .to(testSink("out")),
    );
    expect(await failureOf(branch)).toMatchObject({ code: "E_OPERATOR", operator: "map-2" });
    const dead = testSink<DeadLetter<unknown>>("dead");
    dead.failNext(1, { class: "poison", code: "E_FULL", message: "no room" });
    const error = await failureOf(topology("t", from(numbers(1)).map(odd).onError(dead).to(testSink("out"))));
    expect(error).toMatchObject({ code: "E_SINK", operator: "dead" });
    expect(error.message).toContain("no room");
  });

  it("behind an async operator ends the run too, though nobody calls it", async () => {
    const error = await failureOf(
      topology(
        "t",
        from(numbers(1))
          .mapAsync(async (n) => n)
          .map(odd)
          .to(testSink("out")),
      ),
    );
    expect(error).toMatchObject({ code: "E_OPERATOR", operator: "map-1" });
  });

  it.each<[string, unknown]>([
    ["a string", "just text"],
    ["undefined", undefined],
    ["an object", { message: "looks like one" }],
  ])("something that is no error (%s) ends the run with a message", async (_what, thrown) => {
    const error = await failureOf(
      topology(
        "t",
        from(numbers(1))
          .map(() => {
            throw thrown;
          })
          .to(testSink("out")),
      ),
    );
    expect(error).toMatchObject({ code: "E_OPERATOR", operator: "map-1" });
  });

  it("on a value that can not be shown ends the run with a message", async () => {
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;
    const source = testSource<unknown>({ name: "in" });
    source.push(cyclic);
    const error = await failureOf(
      topology(
        "t",
        from(source)
          .map(() => odd(1))
          .to(testSink("out")),
      ),
    );
    expect(error.message).toContain("[object Object]");
  });
});

describe("what a source can not decode", () => {
  const poisoned = () => {
    const source = testSource<number>({ name: "in", batchSize: 2 });
    source.push(1);
    source.poison(new Uint8Array([7]));
    source.push(2);
    source.end();
    return source;
  };

  it("ends the run by default, with where it came from", async () => {
    const error = await failureOf(
      topology(
        "t",
        from(poisoned())
          .map((n) => n)
          .to(testSink("out")),
      ),
    );
    expect(error).toMatchObject({ code: "E_DECODE", operator: "in" });
    expect(error.message).toMatch(/partition 0, offset 1/);
  });

  it("goes to the first onError below the source, not to those behind it, with its bytes", async () => {
    const first = testSink<DeadLetter<unknown>>("first");
    const second = testSink<DeadLetter<unknown>>("second");
    const sink = testSink<number>("out");
    const summary = await topology(
      "t",
      from(poisoned())
        .map((n) => n)
        .onError(first)
        .map((n) => n)
        .onError(second)
        .to(sink),
    ).run(virtualRun());
    expect([sink.values, second.values]).toEqual([[1, 2], []]);
    expect(first.values).toMatchObject([
      {
        value: undefined,
        raw: new Uint8Array([7]),
        operator: "in",
        origin: { source: "in", partition: "0", offset: 1, index: "" },
        error: { class: "poison" },
      },
    ]);
    expect(summary.operators.find(({ id }) => id === "in")).toMatchObject({ failed: 1, skipped: 0 });
  });

  it("is counted with skip, and is behind the committed position then", async () => {
    const source = testSource<number>({ name: "in", commits: true });
    source.poison(new Uint8Array([7]));
    source.end();
    const summary = await topology("t", from(source).onError("skip").to(testSink("out"))).run(virtualRun());
    expect(summary.operators.find(({ id }) => id === "in")).toMatchObject({ failed: 1, skipped: 1 });
    expect(source.committedPositions.get("0")).toBe("1");
  });

  it("is in a dead letter before its position is committed", async () => {
    const store = recordingStore();
    const source = testSource<number>({ name: "in" });
    const dead = testSink("dead");
    dead.stall();
    const options = virtualRun({ checkpoint: { every: "1s", store } });
    const run = topology("t", from(source).onError(dead).to(testSink("out"))).start(options);
    source.poison(new Uint8Array([7]));
    await options.clock.advance("5s");
    expect(store.commits).toEqual([]);
    dead.release();
    await options.clock.settle();
    expect(store.commits.map(({ positions }) => positions.get("in")?.get("0"))).toEqual(["1"]);
    run.abort();
    await run.done.catch(() => {});
  });
});

describe("a sink that can not write", () => {
  const failure = (errorClass: ErrorClass) => ({ class: errorClass, code: "E_X", message: "no" }) as const;

  it.each<[ErrorClass]>([["poison"], ["unknown-outcome"], ["fatal"]])(
    "ends the run by default (%s)",
    async (errorClass) => {
      const sink = testSink<number>("out");
      sink.failNext(1, failure(errorClass));
      const error = await failureOf(topology("t", from(numbers(1, 2)).to(sink)));
      expect(error).toMatchObject({ code: "E_SINK", operator: "out" });
      expect(error.message).toMatch(/after 1 try: E_X: no/);
    },
  );

  it("is tried again by the clock, and ends the run after the last attempt", async () => {
    const sink = testSink<number>("out");
    sink.failNext(3, failure("transient"));
    const options = virtualRun({ random: () => 1 });
    const done = outcome(
      topology("t", from(numbers(1)).to(sink, { retry: { attempts: 4, delay: "1s" } })).run(options),
    );
    await options.clock.advance("6s");
    expect([sink.attempts, done.settled]).toEqual([3, false]);
    await options.clock.advance("1s");
    expect([sink.values, done.value?.status]).toEqual([[1], "completed"]);
    sink.failNext(2, failure("transient"));
    const again = virtualRun({ random: () => 1 });
    const failed = outcome(
      topology("t", from(numbers(1)).to(sink, { retry: { attempts: 2, delay: "1s" } })).run(again),
    );
    await again.clock.advance("1s");
    expect(failed.error).toMatchObject({ code: "E_SINK" });
    expect(String(failed.error)).toContain("after 2 tries");
  });

  it("gives its onError what was not written, value by value; the rest is written", async () => {
    const dead = testSink<DeadLetter<number>>("dead");
    const written: number[] = [];
    const sink: Sink<number> = {
      name: "picky",
      writes: "append",
      connect: async () => ({
        open: async () => ({
          write: async (values) => {
            written.push(...values.filter((n) => n % 2 === 0));
            return values.map((n) => (n % 2 === 1 ? failure("poison") : "written"));
          },
          close: async () => {},
        }),
        close: async () => {},
      }),
    };
    const summary = await topology("t", from(numbers(1, 2, 3, 4)).to(sink, { onError: dead })).run(virtualRun());
    expect(written).toEqual([2, 4]);
    expect(dead.values).toMatchObject([
      { value: 1, operator: "picky", attempts: 1, origin: { offset: 0 }, error: failure("poison") },
      { value: 3, operator: "picky", attempts: 1, origin: { offset: 2 } },
    ]);
    expect(summary.operators.find(({ id }) => id === "picky")).toMatchObject({ in: 4, failed: 2, skipped: 0 });
    const skipped = await topology("t", from(numbers(1, 2)).to(sink, { onError: "skip" })).run(virtualRun());
    expect(skipped.operators.find(({ id }) => id === "picky")).toMatchObject({ failed: 1, skipped: 1 });
  });

  it("is fatal with a fatal failure, whatever its onError says", async () => {
    const sink = testSink<number>("out");
    sink.failNext(1, failure("fatal"));
    expect(await failureOf(topology("t", from(numbers(1)).to(sink, { onError: "skip" })))).toMatchObject({
      code: "E_SINK",
    });
  });

  it("passes a barrier only when its dead letters are written too", async () => {
    const store = recordingStore();
    const source = testSource<number>({ name: "in" });
    const sink = testSink<number>("out");
    const dead = testSink<DeadLetter<number>>("dead");
    sink.failNext(1, failure("poison"));
    dead.stall();
    const options = virtualRun({ checkpoint: { every: "1s", store } });
    const run = topology("t", from(source).to(sink, { onError: dead })).start(options);
    source.push(1);
    await options.clock.advance("5s");
    expect(store.commits).toEqual([]);
    dead.release();
    await options.clock.settle();
    expect(store.commits).toHaveLength(1);
    expect(dead.values).toHaveLength(1);
    run.abort();
    await run.done.catch(() => {});
  });

  it("returns outcomes for other than its values: that is a mistake of the sink", async () => {
    const sink = testSink<number>("out");
    const wrong: Sink<number> = {
      ...sink,
      connect: async () => ({
        open: async () => ({ write: async () => ["written"], close: async () => {} }),
        close: async () => {},
      }),
    };
    expect(await failureOf(topology("t", from(numbers(1, 2)).to(wrong, { onError: "skip" })))).toMatchObject({
      code: "E_SINK_OUTCOMES",
    });
  });

  it("can not flush: tried again if it passes, else the end of the run", async () => {
    let failures: unknown[] = [];
    const flushes: number[] = [];
    const sink: Sink<number> = {
      name: "out",
      writes: "append",
      connect: async () => ({
        open: async () => ({
          write: async () => {},
          flush: async (epoch) => {
            flushes.push(epoch);
            if (failures.length > 0) throw failures.shift();
          },
          close: async () => {},
        }),
        close: async () => {},
      }),
    };
    failures = [new WriteError("transient", "E_X", "once"), new Error("a socket")];
    const options = virtualRun();
    const done = outcome(topology("t", from(numbers(1)).to(sink)).run(options));
    await options.clock.advance("10s");
    expect([done.value?.status, flushes]).toEqual(["completed", [1, 1, 1]]);
    failures = [new WriteError("fatal", "E_X", "disk gone")];
    const error = await failureOf(topology("t", from(numbers(1)).to(sink)));
    expect(error).toMatchObject({ code: "E_SINK", operator: "out" });
    expect(error.message).toContain("disk gone");
  });

  it("and its write ends after the run is over: that changes nothing any more", async () => {
    const ends: (() => void)[] = [];
    const sink: Sink<number> = {
      name: "out",
      writes: "append",
      connect: async () => ({
        open: async () => ({
          write: () => new Promise((_, reject) => ends.push(() => reject(new WriteError("poison", "E_X", "too late")))),
          close: async () => {},
        }),
        close: async () => {},
      }),
    };
    const dead = testSink("dead");
    const source = testSource<number>({ name: "in" });
    const options = virtualRun();
    const run = topology("t", from(source).to(sink, { onError: dead })).start(options);
    source.push(1);
    await options.clock.settle();
    run.abort();
    const done = outcome(run.done);
    await options.clock.settle();
    for (const end of ends) end();
    await options.clock.settle();
    expect(done.error).toMatchObject({ code: "E_ABORTED" });
    expect(dead.values).toEqual([]);
  });
});

describe("a source that can not read", () => {
  it("is asked again by the clock where the failure passes, and goes on where it was", async () => {
    const source = numbers(1, 2);
    source.fail(new WriteError("transient", "E_X", "reconnecting"));
    source.fail(new WriteError("throttled", "E_X", "slower"));
    const sink = testSink<number>("out");
    const options = virtualRun();
    const done = outcome(topology("t", from(source).to(sink)).run(options));
    await options.clock.settle();
    expect(done.settled).toBe(false);
    await options.clock.advance("30s");
    expect([sink.values, done.value?.status, options.clock.pending]).toEqual([[1, 2], "completed", 0]);
  });

  it("ends the run where it goes on failing, or fails otherwise", async () => {
    const source = numbers(1);
    for (let i = 0; i < 20; i++) source.fail(new WriteError("transient", "E_X", "gone"));
    const options = virtualRun();
    const done = outcome(topology("t", from(source).to(testSink("out"))).run(options));
    await options.clock.advance("5m");
    expect(done.error).toMatchObject({ code: "E_SOURCE", operator: "in" });

    const broken = numbers(1);
    broken.fail(new Error("bad frame"));
    const error = await failureOf(topology("t", from(broken).to(testSink("out"))));
    expect(error).toMatchObject({
      code: "E_SOURCE",
      operator: "in",
      cause: expect.objectContaining({ message: "bad frame" }),
    });
    expect(error.message).toMatch(/partition 0: bad frame/);
  });

  it("ends the run when read() throws before it gives a promise, or when it can not be opened or connected", async () => {
    const source = numbers(1);
    const broken = (how: "read" | "open" | "connect" | "subscribe"): Source<number> => {
      const fails = (at: string) => {
        if (at === how) throw new Error(`no ${at}`);
      };
      return {
        name: "in",
        connect: async (context) => {
          fails("connect");
          const connection = await source.connect(context);
          return {
            ...connection,
            subscribe: async (listener) => {
              fails("subscribe");
              await connection.subscribe(listener);
            },
            open: async (partition, position) => {
              fails("open");
              const reader = await connection.open(partition, position);
              return {
                read: () => {
                  fails("read");
                  return reader.read();
                },
                close: () => reader.close(),
              };
            },
          };
        },
      };
    };
    for (const how of ["connect", "subscribe", "open", "read"] as const) {
      const sink = testSink("out");
      const error = await failureOf(topology("t", from(broken(how)).to(sink)));
      expect(error.message).toContain(`no ${how}`);
      expect(sink.counts).toMatchObject({ connects: 1, closes: 1, openWriters: 0 });
    }
    expect(source.counts).toEqual({ connects: 3, closes: 3, openReaders: 0 });
  });

  it("is told by an iterable that throws: the values before it are delivered", async () => {
    const sink = testSink<number>("out");
    const failing = function* () {
      yield 1;
      yield 2;
      throw new Error("third");
    };
    const error = await failureOf(topology("t", from(failing as unknown as () => AsyncIterable<number>).to(sink)));
    expect(String(error)).toContain("third");
  });
});

describe("a key that is declared partitioned", () => {
  it("but came from another partition than its source would put it in ends the run", async () => {
    const source = testSource<number>({ name: "in", partitioned: true, partitions: ["0", "1"] });
    const placed: Source<number> = {
      name: "in",
      bounded: true,
      partitioned: true,
      connect: async (context) => ({
        ...(await source.connect(context)),
        partitionOf: (key) => String(Number(key) % 2),
      }),
    };
    source.push(2, { partition: "0" });
    source.push(3, { partition: "0" });
    source.end();
    const counts = from(placed)
      .keyBy((n) => n, { partitioned: true })
      .stateful("count", { init: () => 0, onValue: (n: number) => [n + 1, n] as [number, number] });
    const error = await failureOf(topology("t", counts.to(testSink("out"))));
    expect(error).toMatchObject({ code: "E_NOT_PARTITIONED", operator: "count" });
    expect(error.message).toMatch(/key "3".*came from partition 0.*puts it in 1/);
  });
});
