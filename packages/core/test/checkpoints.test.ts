import { describe, expect, it } from "vitest";
import { from, type RunOptions, type Sink, type SourceContext, StreamError, topology, tumbling } from "../src/index.js";
import { testSink } from "../src/testing/test-sink.js";
import { type TestSource, testSource } from "../src/testing/test-source.js";
import type { VirtualClock } from "../src/testing/virtual-clock.js";
import { outcome, type RecordingStore, recordingSink, recordingStore, virtualRun } from "./recording.js";

const counting = { init: () => 0, onValue: (n: number) => [n + 1, n + 1] as [number, number] };

function checkpointed(store: RecordingStore, options: RunOptions = {}): RunOptions & { readonly clock: VirtualClock } {
  return virtualRun({ checkpoint: { every: "1s", timeout: "10s", store }, ...options });
}

function push(source: TestSource<number>, ...values: number[]): void {
  for (const value of values) source.push(value);
}

/** The position of a one-partition source in a commit. */
function positionOf(commit: RecordingStore["commits"][number] | undefined, source = "in"): string | undefined {
  return commit?.positions.get(source)?.get("0");
}

/** A promise that is settled from outside. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

describe("an epoch", () => {
  it("is committed only when every sink and every late and dead-letter target has flushed", async () => {
    const store = recordingStore();
    const source = testSource<number>({ name: "in" });
    const order: string[] = [];
    const gates = ["out", "late", "dead", "other"].map((name) => ({ name, ...gate() }));
    const held = (name: string) => {
      const sink = recordingSink<unknown>(name);
      const { connect } = sink;
      const own = gates.find((each) => each.name === name) as (typeof gates)[number];
      return {
        ...sink,
        connect: async (context: Parameters<typeof connect>[0]) => {
          const connection = await connect(context);
          return {
            ...connection,
            open: async (...args: Parameters<typeof connection.open>) => {
              const writer = await connection.open(...args);
              return {
                ...writer,
                flush: async () => {
                  await own.opened;
                  order.push(name);
                },
              };
            },
          };
        },
      };
    };
    store.before = () => void order.push("commit");
    const timed = from(source).eventTime((n) => n);
    const counts = timed
      .map((n) => {
        if (n === 13) throw new Error("unlucky");
        return n;
      })
      .onError(held("dead"))
      .window("w", tumbling({ size: 10 }), { late: held("late") })
      .count();
    const options = checkpointed(store);
    const run = topology("t", counts.to(held("out")), timed.to(held("other"))).start(options);
    push(source, 5, 13, 50, 4);
    await options.clock.advance("1s");
    for (const { open, name } of gates) {
      expect(store.commits).toEqual([]);
      open();
      await options.clock.settle();
      expect(order).toContain(name);
    }
    expect(order.at(-1)).toBe("commit");
    expect(store.commits).toHaveLength(1);
    expect(positionOf(store.commits[0])).toBe("4");
    run.abort();
    await run.done.catch(() => {});
  });

  it("that takes too long is given up: what it held is in the next, with all that came since", async () => {
    const store = recordingStore();
    const source = testSource<number>({ name: "in" });
    const sink = testSink<number>("out");
    const options = checkpointed(store);
    const run = topology(
      "t",
      from(source)
        .keyBy((n) => n)
        .stateful("count", counting)
        .to(sink),
    ).start(options);
    push(source, 1, 2, 3);
    await options.clock.settle();
    sink.stall();
    push(source, 4);
    await options.clock.advance("12s");
    expect(options.logger).toMatchObject({ warnings: ["checkpoint abandoned"] });
    push(source, 5);
    sink.release();
    await options.clock.advance("1s");
    expect(store.commits.map(({ epoch }) => epoch)).toEqual([2]);
    expect(positionOf(store.commits[0])).toBe("5");
    expect(store.commits[0]?.changes.filter(([name]) => name === "count")).toHaveLength(5);
    run.abort();
    await run.done.catch(() => {});

    const again = checkpointed(store);
    const resumed = testSink<number>("out");
    source.end();
    push(source, 1, 5, 6);
    await topology(
      "t",
      from(source)
        .keyBy((n) => n)
        .stateful("count", counting)
        .to(resumed),
    ).run(again);
    expect(resumed.values).toEqual([2, 2, 1]);
  });

  it.each<
    [
      string,
      (source: TestSource<number>) => { readonly branch: ReturnType<typeof topology>; readonly hang: () => void },
    ]
  >([
    [
      "out",
      (source) => {
        const sink = testSink<number>("out");
        return {
          branch: topology(
            "t",
            from(source)
              .map((n) => n)
              .to(sink),
          ),
          hang: () => sink.stall(),
        };
      },
    ],
    [
      "dead",
      (source) => {
        const dead = testSink("dead");
        const failing = from(source)
          .map((n) => {
            if (n > 1) throw new Error("big");
            return n;
          })
          .onError(dead);
        return { branch: topology("t", failing.to(testSink("out"))), hang: () => dead.stall() };
      },
    ],
    [
      "mapAsync-1",
      (source) => {
        let hangs = false;
        const asked = from(source)
          .map((n) => n)
          .mapAsync((n) => (hangs ? new Promise<number>(() => {}) : Promise.resolve(n)))
          .map((n) => n);
        return {
          branch: topology("t", asked.to(testSink("out"))),
          hang: () => {
            hangs = true;
          },
        };
      },
    ],
  ])("that can not complete three times in a row ends the run and names %s", async (holder, make) => {
    const store = recordingStore();
    const source = testSource<number>({ name: "in" });
    const { branch, hang } = make(source);
    const options = checkpointed(store);
    const run = branch.start(options);
    const done = outcome(run.done);
    push(source, 1);
    await options.clock.advance("1s");
    expect(store.commits).toHaveLength(1);
    hang();
    // More than all channels hold, so that those above wait as well.
    push(source, ...Array.from({ length: 20_000 }, (_, i) => i));
    await options.clock.advance("1s");
    expect(run.health().reasons.join("; ")).toContain(`checkpoint 2 waits for ${holder}`);
    await options.clock.advance("40s");
    expect(done.error).toMatchObject({ code: "E_CHECKPOINT_STUCK", operator: holder });
    expect(store.commits).toHaveLength(1);
  });

  it("that is only slow is not given up: a throttle or a slow sink behind thousands of values", async () => {
    const slowWriter = (clock: VirtualClock): Sink<number> => ({
      name: "slow",
      writes: "append",
      batch: { size: 100 },
      connect: async () => ({
        open: async () => ({
          write: () =>
            new Promise((resolve) => {
              clock.schedule(clock.now() + 10_000, resolve);
            }),
          close: async () => {},
        }),
        close: async () => {},
      }),
    });
    for (const how of ["throttle", "sink"]) {
      const store = recordingStore();
      const source = testSource<number>({ name: "in" });
      push(source, ...Array.from({ length: 30_000 }, (_, i) => i));
      const options = checkpointed(store, { checkpoint: { every: "1s", timeout: "30s", store } });
      const stream = from(source).map((n) => n);
      const branch =
        how === "sink"
          ? stream.to(slowWriter(options.clock))
          : stream.throttle({ elements: 100, per: "10s", name: "slowly" }).to(testSink("out"));
      const run = branch.start(options);
      const done = outcome(run.done);
      await options.clock.advance("30m");
      expect([how, done.error]).toEqual([how, undefined]);
      expect(store.commits.length).toBeGreaterThan(1);
      expect(options.logger).toMatchObject({ warnings: [] });
      run.abort();
      await run.done.catch(() => {});
    }
  });

  it("does not wait for a batch to fill: a sink writes what it has", async () => {
    const store = recordingStore();
    const source = testSource<number>({ name: "in" });
    const sink = testSink<number>("out", { batch: { size: 100, within: "1h" } });
    const options = checkpointed(store);
    const run = topology("t", from(source).to(sink)).start(options);
    push(source, 1, 2);
    await options.clock.advance("1s");
    expect([sink.values, store.commits.length]).toEqual([[1, 2], 1]);
    run.abort();
    await run.done.catch(() => {});
  });

  it("that was given up holds nobody up any more: a sink goes on beside a write that hangs", async () => {
    const store = recordingStore();
    const source = testSource<number>({ name: "in" });
    const written: number[] = [];
    const sink: Sink<number> = {
      name: "out",
      writes: "append",
      batch: { size: 1 },
      concurrency: 2,
      connect: async () => ({
        open: async () => ({
          write: async (values) => {
            if (values[0] === 1) await new Promise(() => {});
            written.push(...values);
          },
          close: async () => {},
        }),
        close: async () => {},
      }),
    };
    const options = checkpointed(store);
    const run = topology("t", from(source).to(sink, { order: "any" })).start(options);
    push(source, 1, 2);
    await options.clock.advance("2s");
    push(source, 3, 4);
    await options.clock.advance("1s");
    expect(written).toEqual([2]);
    await options.clock.advance("11s");
    expect(options.logger).toMatchObject({ warnings: ["checkpoint abandoned"] });
    expect(written).toEqual([2, 3, 4]);
    run.abort();
    await run.done.catch(() => {});
  });

  it("is not counted against the next ones when it was slow once in a while", async () => {
    const store = recordingStore();
    const source = testSource<number>({ name: "in" });
    const sink = testSink<number>("out");
    const options = checkpointed(store);
    const run = topology("t", from(source).to(sink)).start(options);
    for (let i = 0; i < 5; i++) {
      sink.stall();
      push(source, i);
      // Two in a row, then one that succeeds.
      await options.clock.advance("23s");
      sink.release();
      await options.clock.advance("2s");
    }
    expect(store.commits.length).toBeGreaterThanOrEqual(5);
    source.end();
    await expect(run.done).resolves.toMatchObject({ status: "completed" });
    expect(sink.values).toEqual([0, 1, 2, 3, 4]);
  });
});

describe("a commit", () => {
  async function runWith(
    store: RecordingStore,
    act: (clock: VirtualClock, source: TestSource<number>) => Promise<void>,
  ) {
    const source = testSource<number>({ name: "in", commits: true });
    const sink = testSink<number>("out");
    const options = checkpointed(store);
    const run = topology(
      "t",
      from(source)
        .keyBy((n) => n % 2)
        .stateful("count", counting)
        .to(sink),
    ).start(options);
    const done = outcome(run.done);
    push(source, 1, 2);
    await options.clock.settle();
    await act(options.clock, source);
    source.end();
    for (let i = 0; i < 60 && !done.settled; i++) await options.clock.advance("1s");
    return { done, source, sink };
  }
  const changesOf = (store: RecordingStore) =>
    store.commits.map(({ epoch, changes }) => [epoch, changes.filter(([name]) => name === "count").length]);

  it("that failed and was not done goes into the next epoch", async () => {
    const store = recordingStore();
    let failures = 2;
    store.before = () => {
      if (failures-- > 0) throw new Error("disk full");
    };
    const { done } = await runWith(store, (clock) => clock.advance("3s"));
    expect(done.value).toMatchObject({ status: "completed" });
    expect(changesOf(store)).toEqual([
      [3, 2],
      [4, 0],
    ]);
  });

  it("that failed but was done counts: nothing of it is written twice", async () => {
    const store = recordingStore();
    let failures = 1;
    store.after = () => {
      if (failures-- > 0) throw new Error("connection lost");
    };
    const { done, source } = await runWith(store, async (clock, at) => {
      await clock.advance("1s");
      expect(at.committedPositions.get("0")).toBe("2");
      push(at, 3);
      await clock.advance("1s");
    });
    expect(done.value).toMatchObject({ status: "completed" });
    expect(changesOf(store)).toEqual([
      [1, 2],
      [2, 1],
      [3, 0],
    ]);
    expect(source.committedPositions.get("0")).toBe("3");
  });

  it("that hangs is asked for after the timeout, and goes into the next epoch if it was not done", async () => {
    const store = recordingStore();
    let hangs = true;
    store.before = () => (hangs ? new Promise<void>(() => {}) : undefined);
    const { done } = await runWith(store, async (clock, source) => {
      await clock.advance("5s");
      hangs = false;
      push(source, 3);
      await clock.advance("7s");
    });
    expect(done.value).toMatchObject({ status: "completed" });
    expect(changesOf(store)[0]).toEqual([2, 2]);
  });

  it("that hangs but was done counts", async () => {
    const store = recordingStore();
    let hangs = true;
    store.after = () => {
      const hanging = hangs;
      hangs = false;
      return hanging ? new Promise<void>(() => {}) : undefined;
    };
    const { done } = await runWith(store, (clock) => clock.advance("13s"));
    expect(done.value).toMatchObject({ status: "completed" });
    expect(changesOf(store).slice(0, 2)).toEqual([
      [1, 2],
      [2, 0],
    ]);
  });

  it("that fails three times in a row ends the run with what the store said", async () => {
    const store = recordingStore();
    store.before = () => {
      throw new Error("read-only file system");
    };
    const { done } = await runWith(store, (clock) => clock.advance("5s"));
    expect(done.error).toMatchObject({ code: "E_CHECKPOINT_STORE" });
    expect(String(done.error)).toContain("read-only file system");
  });

  it("of which the store does not say whether it was done ends the run", async () => {
    const store = recordingStore();
    const { connect } = store;
    store.connect = async (context) => ({
      ...(await connect(context)),
      commit: () => new Promise(() => {}),
      latestEpoch: () => new Promise(() => {}),
    });
    const { done } = await runWith(store, (clock) => clock.advance("25s"));
    expect(done.error).toMatchObject({ code: "E_CHECKPOINT_STORE" });
    expect(String(done.error)).toContain("does not say whether it did");
  });

  it.each(["commit", "latestEpoch"] as const)("under a lease that is over ends the run (%s says so)", async (which) => {
    const store = recordingStore();
    const { connect } = store;
    const fenced = () => Promise.reject(new StreamError("E_FENCED", "lease 1 is over"));
    store.connect = async (context) => ({
      ...(await connect(context)),
      commit: () => Promise.reject(new Error("socket closed")),
      [which]: fenced,
    });
    const { done } = await runWith(store, (clock) => clock.advance("2s"));
    expect(done.error).toMatchObject({ code: "E_FENCED" });
  });

  it("in the store comes before that at the source, and both behind the flush", async () => {
    const log: string[] = [];
    const store = recordingStore();
    store.before = () => void log.push("store");
    const source = testSource<number>({ name: "in", commits: true });
    const sink = recordingSink<number>("out");
    const noting = {
      ...sink,
      connect: async () => ({
        open: async () => ({
          write: async () => void log.push("write"),
          flush: async () => void log.push("flush"),
          close: async () => {},
        }),
        close: async () => {},
      }),
    };
    const { connect } = source;
    const noted = {
      name: "in",
      bounded: true,
      connect: async (context: Parameters<typeof connect>[0]) => {
        const connection = await connect.call(source, context);
        return {
          ...connection,
          commit: async (...args: Parameters<NonNullable<typeof connection.commit>>) => {
            log.push("source");
            await connection.commit?.(...args);
          },
        };
      },
    };
    const options = checkpointed(store);
    const run = topology("t", from(noted).to(noting)).start(options);
    push(source, 1);
    await options.clock.advance("1s");
    expect(log).toEqual(["write", "flush", "store", "source"]);
    run.abort();
    await run.done.catch(() => {});
  });
});

describe("without a store", () => {
  it("a stateless topology commits at the source every 5 s and at the end, behind the flushes", async () => {
    const source = testSource<number>({ name: "in", commits: true });
    const sink = testSink<number>("out");
    const options = virtualRun();
    const run = topology(
      "t",
      from(source)
        .map((n) => n)
        .to(sink),
    ).start(options);
    push(source, 1, 2);
    await options.clock.advance("4s");
    expect(source.commits).toEqual([]);
    sink.stall();
    push(source, 3);
    await options.clock.advance("1s");
    expect(source.commits).toEqual([]);
    sink.release();
    await options.clock.settle();
    expect(source.committedPositions.get("0")).toBe("3");
    push(source, 4);
    source.end();
    await run.done;
    expect(source.committedPositions.get("0")).toBe("4");

    push(source, 5);
    const second = testSink<number>("out");
    await topology("t", from(source).to(second)).run(virtualRun());
    expect(second.values).toEqual([5]);
  });

  it("a source of which nothing has been read commits nothing", async () => {
    const source = testSource<number>({ name: "in", commits: true });
    const options = virtualRun();
    const run = topology("t", from(source).to(testSink("out"))).start(options);
    await options.clock.advance("1m");
    await run.stop();
    expect(source.commits).toEqual([]);
  });

  it("stop() commits what was written, and writes nothing behind that", async () => {
    const source = testSource<number>({ name: "in", commits: true, batchSize: 10 });
    push(source, ...Array.from({ length: 50_000 }, (_, i) => i));
    const sink = testSink<number>("out", { batch: { size: 10 } });
    const options = virtualRun();
    const run = topology("t", from(source).to(sink)).start(options);
    while (sink.values.length < 500) await new Promise((resolve) => setImmediate(resolve));
    const summary = await run.stop();
    expect(summary.status).toBe("stopped");
    expect(sink.values.length).toBeLessThan(50_000);
    expect(source.committedPositions.get("0")).toBe(String(sink.values.length));
  });

  it("a source that does not commit three times in a row ends the run; one that hangs too", async () => {
    for (const commit of [() => Promise.reject(new Error("broker gone")), () => new Promise<void>(() => {})]) {
      const source = testSource<number>({ name: "in", commits: true });
      const broken = {
        name: "in",
        connect: async (context: SourceContext) => ({ ...(await source.connect(context)), commit }),
      };
      const options = virtualRun();
      const done = outcome(topology("t", from(broken).to(testSink("out"))).run(options));
      push(source, 1);
      await options.clock.advance("4m");
      expect(done.error).toMatchObject({ code: "E_SOURCE", operator: "in" });
    }
  });
});

describe("the end of the input", () => {
  it("is a checkpoint of its own: starting again resolves at once", async () => {
    const store = recordingStore();
    const source = testSource<number>({ name: "in" });
    push(source, 1, 2, 3);
    source.end();
    const sink = testSink<number>("out");
    const branch = topology(
      "t",
      from(source)
        .keyBy((n) => n)
        .stateful("count", counting)
        .to(sink),
    );
    expect(await branch.run(checkpointed(store))).toMatchObject({ status: "completed" });
    expect(store.commits.at(-1)).toMatchObject({ ended: true });
    const readers = source.opened.length;
    expect(await branch.run(checkpointed(store))).toMatchObject({ status: "completed" });
    expect(sink.values).toEqual([1, 1, 1]);
    expect(source.opened).toHaveLength(readers);
    expect(source.counts).toEqual({ connects: 2, closes: 2, openReaders: 0 });
  });

  it("is saved also when stop() was called while the last values were on their way", async () => {
    const store = recordingStore();
    const source = testSource<number>({ name: "in" });
    push(source, 1, 2, 3);
    source.end();
    const sink = testSink<number>("out");
    sink.stall();
    const options = checkpointed(store);
    const run = topology("t", from(source).to(sink)).start(options);
    await options.clock.settle();
    const stopped = outcome(run.stop());
    await options.clock.settle();
    expect(stopped.settled).toBe(false);
    sink.release();
    await options.clock.settle();
    expect(stopped.value).toMatchObject({ status: "completed" });
    expect(store.commits.at(-1)).toMatchObject({ ended: true });
  });

  it("of one of two sources does not end the run; its position is kept", async () => {
    const store = recordingStore();
    const short = testSource<number>({ name: "short" });
    const long = testSource<number>({ name: "long" });
    push(short, 1);
    short.end();
    const sink = testSink<number>("out");
    const options = checkpointed(store);
    const branch = topology("t", from(short).merge(from(long)).to(sink));
    const run = branch.start(options);
    push(long, 2);
    await options.clock.advance("1s");
    expect(
      store.commits.map((commit) => [commit.ended, positionOf(commit, "short"), positionOf(commit, "long")]),
    ).toEqual([[false, "1", "1"]]);
    await run.stop();
    const again = checkpointed(store);
    const second = branch.start(again);
    push(long, 3);
    long.end();
    await second.done;
    expect(sink.values.sort()).toEqual([1, 2, 3]);
  });
});

describe("stop()", () => {
  const windowed = (source: TestSource<number>, sink: ReturnType<typeof testSink<unknown>>) =>
    topology(
      "t",
      from(source)
        .eventTime((n) => n)
        .window("w", tumbling({ size: 10 }))
        .count()
        .to(sink),
    );

  it("leaves open windows in state, and the next run goes on with them", async () => {
    const store = recordingStore();
    const source = testSource<number>({ name: "in" });
    const sink = testSink<unknown>("out");
    const options = checkpointed(store);
    const run = windowed(source, sink).start(options);
    push(source, 1, 2, 3);
    await options.clock.settle();
    expect(await run.stop()).toMatchObject({ status: "stopped", discarded: 0 });
    expect([sink.values, store.commits.at(-1)?.ended]).toEqual([[], false]);
    push(source, 4);
    source.end();
    await windowed(source, sink).run(checkpointed(store));
    expect(sink.values).toMatchObject([{ value: 4, timing: "onTime" }]);
  });

  it("without a store says how many values of open windows it discards", async () => {
    const source = testSource<number>({ name: "in" });
    const sink = testSink<unknown>("out");
    const options = virtualRun();
    const run = windowed(source, sink).start(options);
    push(source, 1, 2, 3);
    await options.clock.settle();
    expect(await run.stop()).toMatchObject({ status: "stopped", discarded: 3 });
    expect(sink.values).toEqual([]);
  });

  it("fires what is open with atEnd: fire, behind the last checkpoint; a later run fires it again whole", async () => {
    const store = recordingStore();
    const source = testSource<number>({ name: "in" });
    const sink = testSink<unknown>("out");
    const options = checkpointed(store, { atEnd: "fire" });
    const run = windowed(source, sink).start(options);
    push(source, 1, 2, 3);
    await options.clock.settle();
    await run.stop();
    expect(sink.values).toMatchObject([{ value: 3, timing: "early" }]);
    push(source, 4);
    source.end();
    await windowed(source, sink).run(checkpointed(store));
    expect(sink.values.slice(1)).toMatchObject([{ value: 4, timing: "onTime" }]);
  });

  it("is what a source does that ends where it was told to: windows stay open, the run is stopped", async () => {
    const store = recordingStore();
    const source = testSource<number>({ name: "in", bounded: false });
    push(source, 1, 2, 3);
    source.end();
    const sink = testSink<unknown>("out");
    expect(await windowed(source, sink).run(checkpointed(store))).toMatchObject({ status: "stopped" });
    expect([sink.values, store.commits.at(-1)?.ended]).toEqual([[], false]);
    expect(positionOf(store.commits.at(-1))).toBe("3");
  });

  it("takes its last checkpoint over an abandoned one, in the middle of the stream", async () => {
    const store = recordingStore();
    let failures = 1;
    store.before = () => {
      if (failures-- > 0) throw new Error("once");
    };
    const source = testSource<number>({ name: "in" });
    const sink = testSink<number>("out");
    const options = checkpointed(store);
    const run = topology("t", from(source).to(sink)).start(options);
    push(source, 1, 2);
    await options.clock.settle();
    expect(await run.stop()).toMatchObject({ status: "stopped" });
    expect(store.commits.map(({ epoch }) => epoch)).toEqual([2]);
    expect(positionOf(store.commits[0])).toBe("2");
  });

  it("called twice is one stop; called at the end gives the summary of the end", async () => {
    const source = testSource<number>({ name: "in" });
    const options = virtualRun();
    const run = topology("t", from(source).to(testSink("out"))).start(options);
    const [first, second] = await Promise.all([run.stop(), run.stop()]);
    expect(first).toBe(second);
    const ended = topology("t", from([1]).to(testSink("out"))).start(virtualRun());
    await ended.done;
    expect((await ended.stop()).status).toBe("completed");
  });

  it("that can not get everything out in time fails with words about what waits", async () => {
    const source = testSource<number>({ name: "in" });
    const sink = testSink<number>("out");
    sink.stall();
    const options = virtualRun();
    const run = topology("t", from(source).to(sink)).start(options);
    push(source, 1);
    await options.clock.settle();
    const stopped = outcome(run.stop({ timeout: "5s" }));
    await options.clock.advance("5s");
    expect(stopped.error).toMatchObject({ code: "E_STOP_TIMEOUT" });
    expect(String(stopped.error)).toContain('sink "out" has 1 writes under way');
    expect(options.clock.pending).toBe(0);
  });
});
