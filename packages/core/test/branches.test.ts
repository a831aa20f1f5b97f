import { describe, expect, it } from "vitest";
import { from, topology, tumbling } from "../src/index.js";
import { testSink } from "../src/testing/test-sink.js";
import { testSource } from "../src/testing/test-source.js";
import { virtualRun } from "./recording.js";

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

function scripted(values: readonly number[], batchSize = 7, name = "numbers") {
  const source = testSource<number>({ batchSize, name });
  for (const value of values) source.push(value);
  return source;
}

describe("branches", () => {
  it("take() on one branch of a split leaves the other branch all its values", async () => {
    const source = scripted(numbers(2_000));
    source.end();
    const [even, odd] = from(source).split((n) => n % 2 === 0);
    const evens = testSink<number>("evens");
    const odds = testSink<number>("odds");
    await topology("t", even.take(3).to(evens), odd.to(odds)).run(virtualRun());
    expect(evens.values).toEqual([0, 2, 4]);
    expect(odds.values).toEqual(numbers(2_000).filter((n) => n % 2 === 1));
  });

  it("every branch of a split and of a round robin ends", async () => {
    const source = scripted(numbers(50));
    source.end();
    const [even, odd] = from(source).split((n) => n % 2 === 0);
    const robins = odd.roundRobin(3).map((branch, i) => branch.to(testSink(`robin-${i}`)));
    const summary = await topology("t", even.to(testSink("evens")), ...robins).run(virtualRun());
    expect(summary.status).toBe("completed");
  });

  it("take() below a dead-letter target ends an endless source: nobody waits for its failures", async () => {
    const values = testSink<number>("values");
    const more = testSink<number>("more");
    const failed = testSink("failed");
    const endless = from(function* () {
      for (let n = 0; ; n++) yield n;
    } as unknown as () => AsyncIterable<number>)
      .map((n) => {
        if (n === 1) throw new Error("one");
        return n;
      })
      .onError(failed);
    const summary = await topology("t", endless.take(2).to(values), endless.take(3).to(more)).run(virtualRun());
    expect(summary.status).toBe("completed");
    expect(values.values).toEqual([0, 2]);
    expect(more.values).toEqual([0, 2, 3]);
    expect(failed.values).toHaveLength(1);
  });

  it("take() stops a flatMap() over endless iterables in the same chain", async () => {
    let made = 0;
    const endless = function* () {
      for (;;) yield made++;
    };
    expect(await from([1, 2]).flatMap(endless).take(5).collect(virtualRun())).toEqual([0, 1, 2, 3, 4]);
    expect(made).toBeLessThan(5_000);
  });

  it("take() closes the reader once, while the rest of the run goes on", async () => {
    const short = scripted(numbers(100));
    const long = testSource<number>({ name: "long" });
    const options = virtualRun();
    const first = testSink<number>("first");
    const run = topology("t", from(short).take(2).to(first), from(long).to(testSink("rest"))).start(options);
    await options.clock.settle();
    expect(first.values).toEqual([0, 1]);
    expect(short.counts.openReaders).toBe(0);
    long.end();
    await run.done;
    expect(short.counts).toEqual({ connects: 1, closes: 1, openReaders: 0 });
  });

  it("watermarks reach every branch when eventTime() stands right above a fan-out, a merge or a sink", async () => {
    const source = scripted([1, 2, 3, 4_000, 9_000], 1);
    const options = virtualRun();
    const timed = from(source).eventTime((n) => n);
    const counts = testSink<{ value: number }>("counts");
    const merged = testSink<{ value: number }>("merged");
    const run = topology(
      "t",
      timed
        .window("alone", tumbling({ size: "1s" }))
        .count()
        .to(counts),
      timed
        .merge(from(scripted([5, 8_000], 1, "others")).eventTime((n) => n))
        .window("merged", tumbling({ size: "1s" }))
        .count()
        .to(merged),
    ).start(options);
    await options.clock.settle();
    expect(counts.values.map(({ value }) => value)).toEqual([3, 1]);
    expect(merged.values.map(({ value }) => value)).toEqual([4, 1]);
    run.abort();
    await run.done.catch(() => {});
  });

  it("partition statuses pass an async stage that is followed by a fan-out", async () => {
    const source = testSource<number>({ partitions: ["a", "b"] });
    source.push(1, { partition: "a" });
    source.push(5_000, { partition: "a" });
    const options = virtualRun();
    const asked = from(source).mapAsync(async (n) => n);
    const counts = testSink<{ value: number }>("counts");
    const run = topology(
      "t",
      asked
        .eventTime((n) => n, { idleTimeout: "1s" })
        .window("w", tumbling({ size: "1s" }))
        .count()
        .to(counts),
      asked.to(testSink("copy")),
    ).start(options);
    await options.clock.settle();
    // Partition b has brought nothing, so no window may fire before it counts as idle.
    expect(counts.values).toEqual([]);
    source.caughtUp("b");
    await options.clock.advance("2s");
    expect(counts.values.map(({ value }) => value)).toEqual([1]);
    run.abort();
    await run.done.catch(() => {});
  });
});
