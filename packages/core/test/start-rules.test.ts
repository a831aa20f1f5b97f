import { describe, expect, it } from "vitest";
import {
  type CheckpointOptions,
  from,
  memoryCheckpoints,
  type RunOptions,
  type Sink,
  type Source,
  type SourceContext,
  type Stream,
  type Topology,
  topology,
} from "../src/index.js";
import { testSink } from "../src/testing/test-sink.js";
import { type TestSource, type TestSourceOptions, testSource } from "../src/testing/test-source.js";
import { outcome, type RecordingStore, recordingSink, recordingStore, virtualRun } from "./recording.js";

const counting = { init: () => 0, onValue: (n: number) => [n + 1, n + 1] as [number, number] };

function input(count: number, options: TestSourceOptions = {}): TestSource<number> {
  const source = testSource<number>({ name: "in", ...options });
  for (let i = 0; i < count; i++) source.push(i);
  return source;
}

const stateful = (stream: Stream<number>, name = "count") => stream.keyBy((n) => n % 2).stateful(name, counting);

/** Runs until nothing moves, then stops: the state of a pipeline that has been running for a while. */
async function runFor(
  branch: Topology,
  store: RecordingStore | "none" | undefined,
  more: Partial<CheckpointOptions> = {},
): Promise<void> {
  const checkpoint = store === undefined || store === "none" ? store : { every: "1s" as const, store, ...more };
  const options = virtualRun(checkpoint === undefined ? {} : { checkpoint });
  const run = branch.start(options);
  const done = outcome(run.done);
  await options.clock.settle();
  if (!done.settled) await run.stop();
  if (done.error !== undefined) throw done.error;
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | undefined)?.code;
}

async function failureOf(work: () => Promise<unknown>): Promise<unknown> {
  try {
    await work();
  } catch (error) {
    return error;
  }
  return undefined;
}

/** The source's commits go to nowhere, so that its committed position stays behind the checkpoint. */
function commitsNothing(source: TestSource<number>): Source<number> {
  return {
    name: source.name,
    bounded: true,
    connect: async (context) => ({ ...(await source.connect(context)), commit: async () => {} }),
  };
}

describe("where a run begins", () => {
  it("is the startAt without checkpoint and committed position, which the source is told", async () => {
    const seen: unknown[] = [];
    const source = input(3);
    const asked: Source<number> = {
      name: "in",
      connect: (context) => {
        seen.push(context.startAt);
        return source.connect(context);
      },
    };
    await runFor(topology("t", from(asked).to(testSink("out"))), undefined);
    const day = new Date(5);
    const run = topology("t", from(asked).to(testSink("out"))).start(virtualRun({ startAt: day }));
    await run.stop();
    const later = virtualRun({ startAt: "latest" });
    const third = topology("t", from(asked).to(testSink("out"))).start(later);
    await later.clock.settle();
    await third.stop();
    expect(seen).toEqual(["earliest", "latest"]);
    expect(source.opened).toEqual([
      { partition: "0", position: undefined },
      { partition: "0", position: undefined },
    ]);
  });

  it("is the checkpoint where the committed position is behind it or equal", async () => {
    const store = recordingStore();
    const source = input(3, { commits: true });
    await runFor(topology("t", stateful(from(commitsNothing(source))).to(testSink("out"))), store);
    expect(source.committedPositions.size).toBe(0);
    const sink = testSink<number>("out");
    source.push(3);
    await runFor(topology("t", stateful(from(source)).to(sink)), store);
    expect([source.opened.at(-1)?.position, sink.values]).toEqual(["3", [2]]);
    source.push(4);
    await runFor(topology("t", stateful(from(source)).to(sink)), store);
    expect([source.opened.at(-1)?.position, sink.values]).toEqual(["4", [2, 3]]);
  });

  it("is refused where the committed position is ahead of the state, or there is no checkpoint for it", async () => {
    const store = recordingStore();
    const source = input(3, { commits: true });
    await runFor(topology("t", stateful(from(source)).to(testSink("out"))), store);
    source.push(3);
    await runFor(topology("other", from(source).to(testSink("out"))), undefined);
    const stale = await failureOf(() => runFor(topology("t", stateful(from(source)).to(testSink("out"))), store));
    expect(codeOf(stale)).toBe("E_STATE_STALE");
    expect(String(stale)).toMatch(/"in" has committed position 4 of partition 0, but the state is of 3/);
    const empty = await failureOf(() =>
      runFor(topology("t", stateful(from(source)).to(testSink("out"))), recordingStore()),
    );
    expect(codeOf(empty)).toBe("E_STATE_STALE");
    expect(String(empty)).toContain("no checkpoint at all");
  });

  it("is the committed position where that is ahead and there is no state", async () => {
    const store = recordingStore();
    const source = input(3, { commits: true });
    const sink = testSink<number>("out");
    const branch = topology("t", from(source).to(sink));
    await runFor(branch, store);
    source.push(3);
    await runFor(topology("other", from(source).to(testSink("elsewhere"))), undefined);
    source.push(4);
    await runFor(branch, store);
    expect([source.opened.at(-1)?.position, sink.values]).toEqual(["4", [0, 1, 2, 4]]);
  });

  it("is the furthest of both in each partition", async () => {
    const store = recordingStore();
    const source = testSource<string>({ name: "in", commits: true, partitions: ["a", "b"] });
    for (const value of ["a0", "a1"]) source.push(value, { partition: "a" });
    for (const value of ["b0", "b1"]) source.push(value, { partition: "b" });
    await runFor(topology("t", from(source).to(testSink("out"))), store);
    // Another group has gone on with one partition, and knows nothing of the other.
    const partial = {
      name: "in",
      bounded: true,
      connect: async (context: SourceContext) => ({
        ...(await source.connect(context)),
        committed: async (partition: string) => (partition === "a" ? "5" : undefined),
      }),
    };
    await runFor(topology("t", from(partial).to(testSink("out"))), store);
    expect(source.opened.slice(-2)).toEqual([
      { partition: "a", position: "5" },
      { partition: "b", position: "2" },
    ]);
  });

  it("is the committed position with empty state after onStale: reset; the old state is taken out of the store", async () => {
    const store = recordingStore();
    const source = input(4, { commits: true });
    const branch = (sink: Sink<number>) => topology("t", stateful(from(source)).to(sink));
    await runFor(branch(testSink("out")), store);
    source.push(10);
    await runFor(topology("other", from(source).to(testSink("elsewhere"))), undefined);
    source.push(12);
    const sink = testSink<number>("out");
    await runFor(branch(sink), store, { onStale: "reset" });
    expect([source.opened.at(-1)?.position, sink.values]).toEqual(["5", [1]]);
    // What a later run finds is the new state of the even key, and none of the odd one.
    source.push(13);
    source.push(14);
    await runFor(branch(sink), store);
    expect(sink.values).toEqual([1, 1, 2]);
  });

  it("keeps after a reset what sinks saved of themselves: their output is not cut off", async () => {
    const store = recordingStore();
    const source = input(2, { commits: true });
    const states: unknown[] = [];
    const sink: Sink<number> = {
      name: "file",
      writes: "append",
      rollsBack: true,
      connect: async () => ({
        open: async (_task, state) => {
          states.push(state);
          return { write: async () => {}, flush: async () => ({ state: new Uint8Array([7]) }), close: async () => {} };
        },
        close: async () => {},
      }),
    };
    const branch = topology("t", stateful(from(source)).to(sink));
    await runFor(branch, store);
    source.push(2);
    await runFor(topology("other", from(source).to(testSink("elsewhere"))), undefined);
    await runFor(branch, store, { onStale: "reset" });
    expect(states).toEqual([undefined, new Uint8Array([7])]);
  });

  it("needs no store where that is accepted: state begins empty at the committed position, again and again", async () => {
    const source = input(3, { commits: true });
    const refused = await failureOf(() => runFor(topology("t", stateful(from(source)).to(testSink("out"))), undefined));
    expect(codeOf(refused)).toBe("E_NO_STORE");
    expect(String(refused)).toMatch(/stateful "count".*source "in" commits/);
    expect(source.counts).toEqual({ connects: 1, closes: 1, openReaders: 0 });
    const sink = testSink<number>("out");
    const branch = topology("t", stateful(from(source)).to(sink));
    await runFor(branch, "none");
    source.push(4);
    await runFor(branch, "none");
    expect(sink.values).toEqual([1, 1, 2, 1]);
  });
});

describe("a changed topology", () => {
  const begin = async (build: (stream: Stream<number>) => Stream<unknown>, options: TestSourceOptions = {}) => {
    const store = recordingStore();
    const source = input(4, options);
    await runFor(topology("t", build(from(source)).to(testSink("out"))), store);
    const restart = (
      changed: (stream: Stream<number>) => Stream<unknown>,
      more: Partial<CheckpointOptions> = {},
      sink: Sink<unknown> = testSink("out"),
      again: Source<number> = source,
    ) => failureOf(() => runFor(topology("t", changed(from(again)).to(sink)), store, more));
    return { store, source, restart };
  };
  const named = (name: string) => (stream: Stream<number>) => stateful(stream, name);

  it("restores where only what holds no state has changed", async () => {
    const { restart, source } = await begin(named("count"));
    source.push(6);
    const sink = testSink<unknown>("out");
    const error = await restart((s) => stateful(s.filter((n) => n >= 0).map((n) => n)).map((n) => [n]), {}, sink);
    expect([error, sink.values]).toEqual([undefined, [[3]]]);
  });

  it("is refused where a state is gone (E_STATE_UNKNOWN), unless it may be dropped: then it is deleted", async () => {
    const { restart, store } = await begin((s) => stateful(stateful(s, "kept"), "gone"));
    const refused = await restart(named("kept"));
    expect([codeOf(refused), String(refused)]).toEqual([
      "E_STATE_UNKNOWN",
      expect.stringContaining('state "gone" of a stateful'),
    ]);
    expect(await restart(named("kept"), { allowDropped: ["gone"] })).toBeUndefined();
    expect(
      store.commits.at(-1)?.changes.filter(([name, , value]) => name === "gone" && value === undefined),
    ).toHaveLength(2);
    // It is not there any more: coming back it is new.
    expect(codeOf(await restart((s) => stateful(stateful(s, "kept"), "gone")))).toBe("E_STATE_MISSING");
  });

  it("is refused where a state is new (E_STATE_MISSING), unless it may begin empty", async () => {
    const { restart } = await begin(named("count"));
    const both = (s: Stream<number>) => stateful(stateful(s, "count"), "new");
    const refused = await restart(both);
    expect([codeOf(refused), String(refused)]).toEqual(["E_STATE_MISSING", expect.stringContaining('stateful "new"')]);
    expect(await restart(both, { allowDropped: ["new"] })).toBeUndefined();
    expect(await restart(both)).toBeUndefined();
  });

  it("is refused where a name is now of another operator (E_TOPOLOGY_CHANGED), unless that may be dropped", async () => {
    const { restart, source } = await begin((s) => s.fold(0, (sum, n) => sum + n, { name: "x" }));
    const other = (s: Stream<number>) => s.take(99, { name: "x" });
    expect(codeOf(await restart(other))).toBe("E_TOPOLOGY_CHANGED");
    source.push(5);
    expect(await restart(other, { allowDropped: ["x"] })).toBeUndefined();
    // What the new one saved under the same name is not taken for the old one's and deleted with it.
    source.push(6);
    const sink = testSink<unknown>("out");
    expect(await restart((s) => s.take(2, { name: "x" }), {}, sink)).toBeUndefined();
    expect(sink.values).toEqual([6]);
  });

  it("is refused where a state is by another kind of key", async () => {
    const { restart } = await begin((s) => s.fold(0, (sum, n) => sum + n, { name: "x" }));
    const refused = await restart((s) => s.keyBy((n) => n).fold(0, (sum, n) => sum + n, { name: "x" }));
    expect([codeOf(refused), String(refused)]).toEqual([
      "E_TOPOLOGY_CHANGED",
      expect.stringContaining("of a fold in the checkpoint and of a keyed fold now"),
    ]);
  });

  it("is refused where a source is gone, new, or has another number of partitions", async () => {
    const { restart } = await begin(named("count"));
    const renamed = await restart(named("count"), {}, testSink("out"), input(4, { name: "elsewhere" }));
    expect([codeOf(renamed), String(renamed)]).toEqual(["E_TOPOLOGY_CHANGED", expect.stringContaining('"in" is gone')]);
    const added = await restart((s) => stateful(s.merge(from(input(1, { name: "more" })))));
    expect([codeOf(added), String(added)]).toEqual(["E_TOPOLOGY_CHANGED", expect.stringContaining('"more" is new')]);
    const wider = await restart(named("count"), {}, testSink("out"), input(4, { partitions: ["0", "1"] }));
    expect([codeOf(wider), String(wider)]).toEqual([
      "E_PARTITION_COUNTS",
      expect.stringContaining("had 1 partitions in the checkpoint and has 2"),
    ]);
  });

  it("is refused where it is now run in another number of tasks, which would not find its state", async () => {
    const counts = (s: Stream<number>) => s.keyBy((n) => n, { partitioned: true }).stateful("count", counting);
    const one = (s: Stream<number>) => counts(s).unkeyed().take(99, { name: "x" });
    for (const [before, after] of [
      [one, counts],
      [counts, one],
    ] as const) {
      const { restart } = await begin(before, { partitioned: true, partitions: ["0", "1"] });
      const refused = await restart(after);
      expect([codeOf(refused), String(refused)]).toEqual([
        "E_TOPOLOGY_CHANGED",
        expect.stringContaining("it was run as"),
      ]);
      expect(await restart(before)).toBeUndefined();
    }
  });
});

describe("a run is refused before anything is opened", () => {
  it.each<[string, (source: TestSource<number>, sink: Sink<unknown>) => [Topology, RunOptions], string, RegExp]>([
    [
      "where state has no name",
      (source, sink) => [
        topology("t", from(source).take(9).batch({ size: 2 }).to(sink)),
        { checkpoint: { every: "1s", store: memoryCheckpoints() } },
      ],
      "E_UNNAMED_STATE",
      /take-1, batch-1/,
    ],
    [
      "where the input can be read only once",
      (_source, sink) => {
        const once = (function* () {
          yield 1;
        })();
        return [
          topology("t", from(once, { name: "once" }).to(sink)),
          { checkpoint: { every: "1s", store: memoryCheckpoints() } },
        ];
      },
      "E_ONE_SHOT",
      /"once"/,
    ],
    [
      "where a transactional sink would be written behind the last checkpoint",
      (source, sink) => [
        topology("t", from(source).to({ ...sink, system: "db" })),
        { atEnd: "fire", checkpoint: { every: "1s", store: { ...memoryCheckpoints(), system: "db" } } },
      ],
      "E_ARGUMENT",
      /atEnd/,
    ],
    [
      "where the delivery does not hold",
      (source, sink) => [topology("t", from(source).to(sink)), { delivery: "exactly-once" }],
      "E_DELIVERY",
      /in → out/,
    ],
    [
      "with an interval of nothing",
      (source, sink) => [
        topology("t", from(source).to(sink)),
        { checkpoint: { every: 0, store: memoryCheckpoints() } },
      ],
      "E_DURATION",
      /every/,
    ],
  ])("%s", (_what, make, code, message) => {
    const source = input(1);
    let connects = 0;
    const sink = recordingSink<unknown>("out");
    const counted: Sink<unknown> = {
      ...sink,
      connect: (context) => {
        connects++;
        return sink.connect(context);
      },
    };
    const [branch, options] = make(source, counted);
    const start = () => branch.start(virtualRun(options));
    expect(start).toThrow(message);
    expect(start).toThrow(expect.objectContaining({ code }));
    expect([source.counts.connects, connects]).toEqual([0, 0]);
  });
});

describe("two runs on one store", () => {
  it("the second is refused with who holds the lease, the first goes on unharmed, and a third may begin after it", async () => {
    const store = recordingStore();
    const source = input(3);
    const sink = testSink<number>("out");
    const branch = topology("t", stateful(from(source)).to(sink));
    const options = virtualRun({ checkpoint: { every: "1s", store } });
    const first = branch.start(options);
    await options.clock.settle();
    const refused = await failureOf(() => branch.run(virtualRun({ checkpoint: { every: "1s", store } })));
    expect([codeOf(refused), String(refused)]).toEqual(["E_LEASE_HELD", expect.stringContaining(`pid ${process.pid}`)]);
    source.push(3);
    await options.clock.advance("1s");
    expect(store.commits).toHaveLength(1);
    expect(sink.values).toEqual([1, 1, 2, 2]);
    source.end();
    await first.done;
    expect(await branch.run(virtualRun({ checkpoint: { every: "1s", store } }))).toMatchObject({ status: "completed" });
    expect(store.counts).toEqual({ connects: 3, closes: 3 });
    expect(source.counts).toMatchObject({ connects: 3, closes: 3, openReaders: 0 });
  });
});
