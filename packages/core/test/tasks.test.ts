import { describe, expect, it } from "vitest";
import { from, type Source, type Stream, topology } from "../src/index.js";
import { testSink } from "../src/testing/test-sink.js";
import { type TestSource, testSource } from "../src/testing/test-source.js";
import { outcome, type RecordingStore, recordingStore, virtualRun } from "./recording.js";

const counting = {
  init: () => 0,
  onValue: (n: number, value: string) => [n + 1, `${value}#${n + 1}`] as [number, string],
};

function partitioned(name = "in", partitions: readonly string[] = ["0", "1", "2"]): TestSource<string> {
  return testSource<string>({ name, partitions, partitioned: true, commits: true });
}

/** Counts by partition: the value's first letter is its partition. */
const counted = (stream: Stream<string>): Stream<string> =>
  stream.keyBy((text) => text[0] as string, { partitioned: true }).stateful("count", counting);

function begin(source: TestSource<string>, store: RecordingStore = recordingStore()) {
  const sink = testSink<string>("out");
  const branch = topology("t", counted(from(source)).to(sink));
  const options = virtualRun({ checkpoint: { every: "1s", store } });
  const run = branch.start(options);
  return { run, sink, store, clock: options.clock, done: outcome(run.done), branch };
}

describe("a task a partition", () => {
  it("each has its own checkpoints and lease; the run is over when all are", async () => {
    const source = partitioned();
    const { store, clock, sink, done } = begin(source);
    for (const partition of ["0", "1", "2"]) source.push(`${partition}a`, { partition });
    await clock.advance("1s");
    expect(store.commits.map(({ mode, positions }) => [mode, [...(positions.get("in") ?? [])].flat()])).toEqual([
      ["per-partition", ["0", "1"]],
      ["per-partition", ["1", "1"]],
      ["per-partition", ["2", "1"]],
    ]);
    source.end("0");
    source.end("1");
    await clock.advance("1s");
    expect(done.settled).toBe(false);
    source.end("2");
    await clock.settle();
    expect(done.value?.status).toBe("completed");
    expect(sink.values.toSorted()).toEqual(["0a#1", "1a#1", "2a#1"]);
    expect(sink.writesTaken.map(({ task }) => task.partitions).toSorted()).toEqual([["0"], ["1"], ["2"]]);
    expect(sink.counts).toMatchObject({ connects: 1, closes: 1, openWriters: 0 });
  });

  it("takes the last checkpoint of a partition that is lost inside of lost(), and goes on elsewhere from there", async () => {
    const source = partitioned();
    const { store, clock, run } = begin(source);
    for (const value of ["1a", "1b"]) source.push(value, { partition: "1" });
    await clock.settle();
    expect(store.commits).toEqual([]);
    await source.lose("1");
    expect(store.commits.map(({ positions }) => positions.get("in")?.get("1"))).toEqual(["2"]);
    expect(source.counts.openReaders).toBe(2);
    // It comes back: the same state, in a new task under a new lease.
    source.push("1c", { partition: "1" });
    await source.assign("1");
    await clock.settle();
    expect(run.state("count").get("1")).toBe(3);
    expect(source.opened.at(-1)).toEqual({ partition: "1", position: "2" });
    run.abort();
    await run.done.catch(() => {});
  });

  it("lets two runs share the partitions, each with a lease for its own", async () => {
    const store = recordingStore();
    const [left, right] = [partitioned("in", ["0", "1"]), partitioned("in", ["2"])];
    // Both name three partitions in all.
    const whole = (source: TestSource<string>): Source<string> => ({
      name: "in",
      bounded: true,
      partitioned: true,
      connect: async (context) => ({ ...(await source.connect(context)), partitionCount: () => 3 }),
    });
    const sinks = [testSink<string>("out"), testSink<string>("out")];
    const options = [left, right].map(() => virtualRun({ checkpoint: { every: "1s", store } }));
    const runs = [left, right].map((source, i) =>
      topology("t", counted(from(whole(source))).to(sinks[i] as (typeof sinks)[0])).start(options[i]),
    );
    left.push("0a", { partition: "0" });
    right.push("2a", { partition: "2" });
    for (const each of options) await each.clock.settle();
    for (const source of [left, right]) source.end();
    for (const each of options) await each.clock.settle();
    expect(await Promise.all(runs.map(async ({ done }) => (await done).status))).toEqual(["completed", "completed"]);
    expect(sinks.map(({ values }) => values)).toEqual([["0a#1"], ["2a#1"]]);
  });

  it("of which one has ended and another is lost at the same time: the ended one counts", async () => {
    const source = partitioned();
    const { clock, done, sink } = begin(source);
    await clock.settle();
    sink.stall();
    source.push("1a", { partition: "1" });
    await clock.settle();
    const losing = outcome(source.lose("1"));
    await clock.settle();
    expect(losing.settled).toBe(false);
    source.end("0");
    source.end("2");
    await clock.settle();
    sink.release();
    await clock.settle();
    expect(losing.settled).toBe(true);
    await source.assign("1");
    source.end("1");
    await clock.settle();
    expect(done.value?.status).toBe("completed");
    expect(sink.values).toEqual(["1a#1"]);
  });

  it("that has ended is not begun again; the others go on", async () => {
    const source = partitioned();
    const first = begin(source);
    source.push("0a", { partition: "0" });
    source.end("0");
    await first.clock.settle();
    await first.run.stop();
    const second = begin(source, first.store);
    source.push("1a", { partition: "1" });
    await second.clock.settle();
    expect(second.sink.values).toEqual(["1a#1"]);
    expect(second.done.settled).toBe(false);
    source.end();
    await second.clock.settle();
    expect(second.done.value?.status).toBe("completed");
    const third = begin(source, first.store);
    await third.clock.settle();
    expect(third.done.value?.status).toBe("completed");
  });

  it("is refused where the sources have unequal numbers of partitions", async () => {
    const [left, right] = [partitioned("left", ["0", "1"]), partitioned("right", ["0"])];
    const branch = topology("t", from(left).merge(from(right)).to(testSink("out")));
    expect(branch.describe().tasks.mode).toBe("per-partition");
    await expect(branch.run(virtualRun())).rejects.toMatchObject({ code: "E_PARTITION_COUNTS" });
  });

  it("that can not be started after a rebalance ends the run", async () => {
    const source = partitioned();
    const { clock, done, store } = begin(source);
    await clock.settle();
    const other = begin(source, store);
    await other.clock.settle();
    // The second run has been refused the leases, which ends it and not the first.
    expect(other.done.error).toMatchObject({ code: "E_LEASE_HELD" });
    expect(done.settled).toBe(false);
  });

  it("stopped while the tasks are being started ends all of them", async () => {
    const source = partitioned();
    const store = recordingStore();
    const { connect } = store;
    let leases = 0;
    const gate: { open: () => void } = { open: () => {} };
    const opened = new Promise<void>((resolve) => {
      gate.open = resolve;
    });
    store.connect = async (context) => {
      const connection = await connect(context);
      return {
        ...connection,
        lease: async (...args) => {
          if (args[0].includes("/") && ++leases === 2) await opened;
          return connection.lease(...args);
        },
      };
    };
    const { clock, run, done } = begin(source, store);
    await clock.settle();
    outcome(run.stop());
    await clock.settle();
    gate.open();
    await clock.settle();
    expect(done.value?.status).toBe("stopped");
    expect(source.counts.openReaders).toBe(0);
  });
});

describe("one task", () => {
  it("goes on with more partitions after a checkpoint, and with what is left after a loss", async () => {
    const source = testSource<string>({ name: "in", partitions: ["0", "1"] });
    const store = recordingStore();
    const sink = testSink<string>("out");
    const options = virtualRun({ checkpoint: { every: "1s", store } });
    const counts: Source<string> = {
      name: "in",
      bounded: true,
      connect: async (context) => ({ ...(await source.connect(context)), partitionCount: () => 2 }),
    };
    const run = topology(
      "t",
      from(counts)
        .keyBy(() => "all")
        .stateful("count", counting)
        .to(sink),
    ).start(options);
    source.push("a", { partition: "0" });
    await options.clock.settle();
    await source.lose("0", "1");
    expect(store.commits).toHaveLength(1);
    source.push("b", { partition: "0" });
    await options.clock.settle();
    expect(sink.values).toEqual(["a#1"]);
    await source.assign("0", "1");
    await options.clock.settle();
    expect(sink.values).toEqual(["a#1", "b#2"]);
    source.end();
    expect((await run.done).status).toBe("completed");
  });

  it("commits with the generation of its assignment", async () => {
    const source = testSource<string>({ name: "in", commits: true });
    const options = virtualRun();
    const run = topology("t", from(source).to(testSink("out"))).start(options);
    source.push("a");
    await options.clock.advance("5s");
    await source.lose("0");
    await source.assign("0");
    source.push("b");
    source.end();
    await run.done;
    expect(source.commits.map(({ generation, positions }) => [generation, positions.get("0")])).toEqual([
      [1, "1"],
      [1, "1"],
      [2, "2"],
    ]);
  });
});
