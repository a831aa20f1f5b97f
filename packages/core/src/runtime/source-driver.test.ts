import { describe, expect, it } from "vitest";
import type { Sink, Source } from "../connector.js";
import { from } from "../from.js";
import { testSink } from "../testing/test-sink.js";
import { testSource } from "../testing/test-source.js";
import { virtualClock } from "../testing/virtual-clock.js";
import { tumbling } from "../windows/tumbling.js";

/** A source that counts how often its offsets were asked for. */
function countingSource(): Source<number> & { readonly asked: number } {
  let asked = 0;
  return {
    name: "counting",
    bounded: true,
    get asked() {
      return asked;
    },
    connect: async () => ({
      subscribe: (listener) => listener.assigned(["0"], 1),
      open: async () => {
        let left = 2;
        return {
          read: async () => {
            if (left-- === 0) return undefined;
            return {
              values: [1, 2],
              position: String(left),
              get offsets() {
                asked++;
                return [left * 2, left * 2 + 1];
              },
            };
          },
          close: async () => {},
        };
      },
      comparePositions: (left, right) => Number(left) - Number(right),
      close: async () => {},
    }),
  };
}

function idSink(into: (string | undefined)[], metadata: boolean): Sink<number> {
  return {
    name: "ids",
    writes: "append",
    ...(metadata ? {} : { metadata: false as const }),
    connect: async () => ({
      open: async () => ({
        write: async (_values, { ids }) => {
          into.push(...ids);
        },
        close: async () => {},
      }),
      close: async () => {},
    }),
  };
}

describe("a source of several partitions", () => {
  const timed = (values: Record<string, readonly number[]>) => {
    const source = testSource<number>({ name: "in", partitions: Object.keys(values), batchSize: 1 });
    for (const [partition, own] of Object.entries(values)) for (const value of own) source.push(value, { partition });
    const sink = testSink<number>("out");
    const clock = virtualClock(0);
    const logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
    const stream = from(source).eventTime((n) => n, { maxSkew: 100, idleTimeout: "1m" });
    const run = stream.to(sink).start({ clock, logger });
    const over = async () => {
      run.abort();
      await run.done.catch(() => {});
    };
    return { source, sink, clock, over };
  };

  it("reads the one with the lowest watermark first, and pauses one that is too far ahead of it", async () => {
    const { source, sink, clock, over } = timed({ a: [1_000, 2_000, 3_000, 4_000], b: [1, 2, 3, 1_950] });
    await clock.settle();
    // The second of partition a waits until b is near it; behind the third, a is too far ahead again.
    expect(sink.values).toEqual([1, 1_000, 2, 3, 1_950, 2_000, 3_000]);
    source.push(3_500, { partition: "b" });
    await clock.settle();
    expect(sink.values.slice(7).toSorted()).toEqual([3_500, 4_000]);
    await over();
  });

  it("does not pause the others for one that has brought nothing yet, nor for one that is idle or has ended", async () => {
    const empty = timed({ a: [1_000, 2_000, 9_000], b: [] });
    await empty.clock.settle();
    expect(empty.sink.values).toEqual([1_000, 2_000, 9_000]);
    await empty.over();

    const idle = timed({ a: [10, 5_000, 9_000], b: [1] });
    idle.source.caughtUp("b");
    await idle.clock.settle();
    expect(idle.sink.values.toSorted()).toEqual([1, 10, 5_000].toSorted());
    await idle.clock.advance("2m");
    expect(idle.sink.values).toContain(9_000);
    await idle.over();

    const ended = timed({ a: [10, 5_000, 9_000], b: [1] });
    ended.source.end("b");
    await ended.clock.settle();
    expect(ended.sink.values).toContain(9_000);
    await ended.over();
  });

  it.each([
    { bounded: true, fired: [0] },
    { bounded: false, fired: [] },
  ])("lets time pass one that has ended only if it is over for ever (%j)", async ({ bounded, fired }) => {
    const source = testSource<number>({ name: "in", partitions: ["a", "b", "c"], bounded });
    source.push(50, { partition: "a" });
    source.push(900, { partition: "b" });
    source.push(900, { partition: "c" });
    const results: number[] = [];
    const windows = from(source)
      .eventTime((n) => n)
      .window("w", tumbling({ size: 100 }))
      .count()
      .tap(({ window }) => results.push(window.start));
    const clock = virtualClock(0);
    const run = windows.to(testSink("out")).start({ clock });
    await clock.settle();
    expect(results).toEqual([]);
    source.end("a");
    await clock.settle();
    // More of partition a may follow in a later run, and it must not be late then.
    expect(results).toEqual(fired);
    run.abort();
    await run.done.catch(() => {});
  });
});

describe("a source driver", () => {
  it("does not ask for offsets that nobody reads", async () => {
    const source = countingSource();
    const ids: (string | undefined)[] = [];
    await from(source).to(idSink(ids, false)).run();
    expect(source.asked).toBe(0);
    expect(ids).toEqual([undefined, undefined, undefined, undefined]);
  });

  it("makes ids of them for a sink that reads them", async () => {
    const ids: (string | undefined)[] = [];
    await from(countingSource()).to(idSink(ids, true)).run();
    expect(ids).toEqual(["counting/0/2", "counting/0/3", "counting/0/0", "counting/0/1"]);
  });
});
