import { describe, expect, it } from "vitest";
import { from, type RunOptions, topology } from "../src/index.js";
import { testSink } from "../src/testing/test-sink.js";
import { testSource } from "../src/testing/test-source.js";
import type { VirtualClock } from "../src/testing/virtual-clock.js";
import { type RecordingStore, recordingStore, virtualRun } from "./recording.js";

function checkpointed(store: RecordingStore): RunOptions & { readonly clock: VirtualClock } {
  return virtualRun({ checkpoint: { every: "1s", timeout: "10s", store } });
}

describe("a barrier", () => {
  it("comes to a dead-letter target behind the dead letters of the sink above: the epoch waits until they are written", async () => {
    const store = recordingStore();
    const source = testSource<number>({ name: "in" });
    const sink = testSink<number>("out");
    const dead = testSink("dead");
    const options = checkpointed(store);
    const run = topology("t", from(source).to(sink, { onError: dead })).start(options);
    await options.clock.settle();
    // The write fails only after the barrier has come to the sink.
    sink.stall();
    sink.failNext(1, { class: "poison", code: "E_BAD", message: "bad" });
    dead.stall();
    source.push(1);
    await options.clock.advance("1s");
    sink.release();
    await options.clock.advance("1s");
    expect([sink.values, dead.counts.hanging, store.commits]).toEqual([[], 1, []]);
    dead.release();
    await options.clock.settle();
    expect([dead.values.length, store.commits.length]).toEqual([1, 1]);
    run.abort();
    await run.done.catch(() => {});
  });

  it("leaves an async operator behind everything that was under way in it", async () => {
    const store = recordingStore();
    const source = testSource<number>({ name: "in" });
    const sink = testSink<number>("out");
    const calls: (() => void)[] = [];
    const called = from(source).mapAsync((n) => new Promise<number>((resolve) => calls.push(() => resolve(n))));
    const options = checkpointed(store);
    const run = topology("t", called.to(sink)).start(options);
    source.push(1);
    source.push(2);
    await options.clock.advance("1s");
    calls[1]?.();
    await options.clock.settle();
    expect([calls.length, store.commits]).toEqual([2, []]);
    calls[0]?.();
    await options.clock.settle();
    expect(sink.values).toEqual([1, 2]);
    expect(store.commits.map(({ positions }) => positions.get("in")?.get("0"))).toEqual(["2"]);
    run.abort();
    await run.done.catch(() => {});
  });

  it("stands behind what was pushed: what was only read is not in the positions", async () => {
    const store = recordingStore();
    const source = testSource<number>({ name: "in" });
    const sink = testSink<number>("out");
    const options = checkpointed(store);
    const run = topology("t", from(source).to(sink)).start(options);
    source.push(1);
    source.push(2);
    await options.clock.settle();
    // A read is under way already: it ends while the source is paused.
    run.pause();
    source.push(3);
    await options.clock.advance("1s");
    expect(sink.values).toEqual([1, 2]);
    expect(store.commits.map(({ positions }) => positions.get("in")?.get("0"))).toEqual(["2"]);
    run.abort();
    await run.done.catch(() => {});
  });
});
