import { describe, expect, it } from "vitest";
import { from, topology, tumbling } from "../src/index.js";
import { testSink } from "../src/testing/test-sink.js";
import { testSource } from "../src/testing/test-source.js";
import { recordingStore, virtualRun } from "./recording.js";

describe("health() says in words", () => {
  it("why a window has not fired, and which partition holds the watermark", async () => {
    const source = testSource<number>({ name: "in", partitions: ["a", "b"] });
    const options = virtualRun();
    const run = topology(
      "t",
      from(source)
        .eventTime((n) => n)
        .window("hourly", tumbling({ size: "1h" }))
        .count()
        .to(testSink("out")),
    ).start(options);
    source.push(5_000, { partition: "a" });
    await options.clock.settle();
    expect(run.health()).toEqual({
      status: "up",
      reasons: [
        expect.stringMatching(/^"eventTime-1": event time is held by partition "b", which has had no value yet/),
        expect.stringMatching(/^"hourly": /),
      ],
    });
    source.push(1_000, { partition: "b" });
    await options.clock.settle();
    expect(run.health().reasons[0]).toContain('held by partition "b", which is at 1970-01-01T00:00:00.999Z');
    run.abort(new Error("enough"));
    await run.done.catch(() => {});
    expect(run.health()).toEqual({ status: "down", detail: "enough", reasons: ["enough"] });
  });

  it("who is slow, and what a checkpoint waits for", async () => {
    const source = testSource<number>({ name: "in", batchSize: 1_000 });
    const sink = testSink<number>("out");
    sink.stall();
    const store = recordingStore();
    store.before = () => new Promise(() => {});
    const options = virtualRun({ checkpoint: { every: "1s", store } });
    const run = topology(
      "t",
      from(source)
        .map((n) => n)
        .to(sink),
    ).start(options);
    expect(run.health()).toEqual({ status: "up", reasons: [] });
    for (let i = 0; i < 20_000; i++) source.push(i);
    await options.clock.advance("2s");
    const reasons = run.health().reasons.join("\n");
    expect(reasons).toMatch(/"out" takes slower than "map-1" gives: \d+ values wait between them/);
    expect(reasons).toMatch(/"map-1" takes slower than "in" gives/);
    expect(reasons).toContain('sink "out" has 1 writes under way');
    expect(reasons).toContain("checkpoint 1 waits for out");
    sink.release();
    await options.clock.advance("2s");
    expect(run.health().reasons).toEqual(["checkpoint 1 waits for recording to commit"]);
    run.abort();
    await run.done.catch(() => {});
  });

  it("what is paused, and what two inputs wait for", async () => {
    const [left, right] = [testSource<number>({ name: "left" }), testSource<number>({ name: "right" })];
    const options = virtualRun();
    const run = topology("t", from(left).zip(from(right)).to(testSink("out"))).start(options);
    left.push(1);
    run.pause("right");
    await options.clock.settle();
    expect(run.health().reasons).toEqual(['source "right" is paused', '"zip-1": 1 values of input 0 wait for input 1']);
    run.abort();
    await run.done.catch(() => {});
  });
});
