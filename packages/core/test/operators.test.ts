import { describe, expect, it } from "vitest";
import { from, type Lookup, type Stream, topology, type ValueState, valueState } from "../src/index.js";
import { testFlow } from "../src/testing/flow-test.js";
import { testSink } from "../src/testing/test-sink.js";
import { testSource } from "../src/testing/test-source.js";
import { recordingStore, virtualRun } from "./recording.js";
import { type Entry, sorted, vectors } from "./vectors/vectors.js";

/** Operators in the engine, through the public surface: what their own tests show of one stage must hold in a run. */

interface Open<T> {
  readonly value: T;
  resolve(result: unknown): void;
}

describe("operators in a run", () => {
  it("P41: a whole chain keeps its order", async () => {
    const test = testFlow<string, string>((letters) =>
      letters
        .map((letter) => letter.toUpperCase())
        .passThrough()
        .flatMap((letter) => [`${letter}*`, `${letter}**`])
        .tumblingWindow(200)
        .flatten()
        .throttle({ elements: 10, per: 200 })
        .filter((text) => !text.includes("A")),
    );
    for (const letter of ["a", "b", "c"]) await test.send(letter);
    await test.advance(1_000);
    expect(test.take()).toEqual(["B*", "B**", "C*", "C**"]);
  });

  it("P37, P38: batches of keys, summed in a window over all", async () => {
    const keyOf = (i: number): number => (i % 3 === 0 ? 3 : i % 7 === 0 ? 7 : i % 10 === 0 ? 10 : i);
    const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0);
    const test = testFlow<number, number>((numbers) =>
      numbers.keyBy(keyOf).map(keyOf).batch({ size: 4, within: 10 }).map(sum).unkeyed().tumblingWindow(25).map(sum),
    );
    for (let i = 0; i < 30; i++) await test.send(i);
    await test.advance(100);
    expect(test.take()).toEqual([292]);
  });

  for (const [where, build] of [
    ["on a plain stream", (numbers: Stream<number>) => numbers.throttle({ elements: 2, per: 10 })],
    ["on a keyed stream", (numbers: Stream<number>) => numbers.keyBy((n) => n % 3).throttle({ elements: 2, per: 10 })],
    [
      "below a merge",
      (numbers: Stream<number>) => numbers.merge(numbers.filter((n) => n < 0)).throttle({ elements: 2, per: 10 }),
    ],
    ["below a split", (numbers: Stream<number>) => numbers.split((n) => n >= 0)[0].throttle({ elements: 2, per: 10 })],
    [
      "above a merge",
      (numbers: Stream<number>) => numbers.throttle({ elements: 2, per: 10 }).merge(numbers.filter((n) => n < 0)),
    ],
  ] as const) {
    it(`throttle lets no more pass in any interval ${where}, over restarts too`, async () => {
      const test = testFlow<number, number>(build);
      const passed: { readonly n: number; readonly at: number }[] = [];
      const note = (): void => {
        for (const n of test.take()) passed.push({ n, at: test.clock.now() });
      };
      for (let n = 0; n < 9; n++) {
        await test.send(n);
        note();
        for (let ms = 0; ms < 3; ms++) {
          await test.advance(1);
          note();
        }
        if (n === 5) await test.restart();
        note();
      }
      for (let i = 0; i < 40; i++) {
        await test.advance(1);
        note();
      }
      expect(passed.map(({ n }) => n)).toEqual(Array.from({ length: 9 }, (_, n) => n));
      for (const { at } of passed)
        expect(passed.filter((other) => other.at >= at && other.at < at + 10).length).toBeLessThanOrEqual(2);
    });
  }

  it("throttle holds back the end, and the source, until all has passed", async () => {
    const source = testSource<number>({ batchSize: 3 });
    for (let n = 0; n < 20; n++) source.push(n);
    source.end();
    const sink = testSink<number>();
    const options = virtualRun();
    const run = topology("t", from(source).throttle({ elements: 3, per: "1s" }).to(sink)).start(options);
    let ended = false;
    void run.done.then(() => {
      ended = true;
    });
    let seconds = 0;
    for (; !ended && seconds < 50; seconds++) await options.clock.advance("1s");
    expect([(await run.done).status, sink.values, seconds]).toEqual([
      "completed",
      Array.from({ length: 20 }, (_, n) => n),
      6,
    ]);
  });

  it("throttle lets every barrier pass, and still keeps the source back", async () => {
    let read = 0;
    const source = from(function* () {
      for (;;) yield read++;
    } as unknown as () => AsyncIterable<number>);
    const store = recordingStore();
    const options = virtualRun({ checkpoint: { every: "5s", store } });
    const run = topology(
      "t",
      source
        .map((n) => n)
        .throttle({ elements: 1, per: "1s", name: "slow" })
        .to(testSink<number>()),
    ).start(options);
    await options.clock.advance("1m");
    const after = { commits: store.commits.length, read };
    await options.clock.advance("10m");
    expect([after.commits, store.commits.length, read]).toEqual([12, 132, after.read]);
    expect(read).toBeLessThan(20_000);
    run.abort();
    await run.done.catch(() => {});
  });

  it("zip ends with the shortest stream and stops the sources of the longer ones; zipWith fills up", async () => {
    const forever = function* (): Generator<number> {
      for (let n = 0; ; n++) yield n;
    };
    const endless = from(forever as unknown as () => AsyncIterable<number>);
    expect(await endless.zip(from(["a", "b", "c"])).collect()).toEqual([
      [0, "a"],
      [1, "b"],
      [2, "c"],
    ]);
    expect(
      await from([1, 2, 3])
        .zipWith([from([1])], (left, right) => `${left} ${right}`, { fill: [0, 0] })
        .collect(),
    ).toEqual(["1 1", "2 0", "3 0"]);
    expect(
      await from<number>([])
        .zip(from([1]))
        .collect(),
    ).toEqual([]);
  });

  it("skip, take, fold, reduce, dedupe, stateful and roundRobin go on after a restart where they were", async () => {
    const test = testFlow<number, unknown>((numbers) => {
      const [first, second] = numbers.roundRobin(2) as [Stream<number>, Stream<number>];
      const keyed = numbers.keyBy((n) => n % 2);
      return first
        .skip(1)
        .map((n): unknown => `first ${n}`)
        .merge(
          second.map((n): unknown => `second ${n}`),
          numbers.fold(0, (sum, n) => sum + n).map((n): unknown => `sum ${n}`),
          keyed
            .reduce((sum, n) => sum + n)
            .map((n): unknown => `sum by key ${n}`)
            .unkeyed(),
          keyed
            .take(2)
            .map((n): unknown => `take ${n}`)
            .unkeyed(),
          keyed
            .stateful("count", {
              init: () => 0,
              onValue: (count, _: number, { key }) => [count + 1, `count ${key} ${count + 1}`],
            })
            .map((n): unknown => n)
            .unkeyed(),
          keyed
            .dedupe("once", { by: (n) => n, within: 100 })
            .map((n): unknown => `new ${n}`)
            .unkeyed(),
        );
    });
    const out: unknown[] = [];
    for (const n of [1, 2, 3, 1, 5]) {
      await test.send(n, { time: n });
      out.push([...test.take()].map(String).sort());
      await test.restart();
    }
    expect(out).toEqual([
      ["count 1 1", "new 1", "sum 1", "sum by key 1", "take 1"],
      ["count 0 1", "new 2", "second 2", "sum 3", "sum by key 2", "take 2"],
      ["count 1 2", "first 3", "new 3", "sum 6", "sum by key 4", "take 3"],
      ["count 1 3", "second 1", "sum 7", "sum by key 5"],
      ["count 1 4", "first 5", "new 5", "sum 12", "sum by key 10"],
    ]);
  });

  it("lookup fetches for many values at once, and a restart fetches anew", async () => {
    const fetched: string[][] = [];
    const table: Lookup<string, string> = {
      name: "table",
      fetch: async (keys) => {
        fetched.push([...keys]);
        return new Map(keys.map((key) => [key, key.toUpperCase()]));
      },
    };
    const test = testFlow<string, string>((words) =>
      words.lookup(
        (word) => word,
        table,
        (word, found) => `${word}=${found}`,
        { cache: { max: 9, ttl: "1m" } },
      ),
    );
    await test.send("a");
    await test.send("a");
    await test.restart();
    await test.send("a");
    expect([test.take(), fetched]).toEqual([
      ["a=A", "a=A", "a=A"],
      [["a"], ["a"]],
    ]);
    const all = await from(Array.from({ length: 1_000 }, (_, i) => `k${i % 50}`))
      .lookup(
        (word) => word,
        table,
        (word, found) => [word, found],
      )
      .countAll();
    expect([all, fetched.slice(2).flat().length < 1_000]).toEqual([1_000, true]);
  });

  it("mapAsync is not in the checkpoint: what is under way holds the barrier back and is out before it", async () => {
    const open: Open<number>[] = [];
    const test = testFlow<number, unknown>((numbers) =>
      numbers.mapAsync((value) => new Promise((resolve) => open.push({ value, resolve }))),
    );
    await test.send(1);
    await test.send(2);
    open[1]?.resolve("two");
    await test.settle();
    expect(test.take()).toEqual([]);
    const restarted = test.restart();
    await new Promise((resolve) => setImmediate(resolve));
    open[0]?.resolve("one");
    await restarted;
    expect(test.take()).toEqual(["one", "two"]);
    await test.send(3);
    open[2]?.resolve("three");
    await test.settle();
    expect(test.take()).toEqual(["three"]);
  });
});

type AsyncStep =
  | { readonly op: "element"; readonly value: number; readonly time: number }
  | { readonly op: "watermark" | "advanceProcessingTime"; readonly time: number }
  | { readonly op: "complete"; readonly value: number; readonly results: readonly string[] };

describe("F11 vectors in a run", () => {
  for (const { id, operator, input, expected } of vectors<{ mode: string; timeout?: number }, AsyncStep, Entry>(
    "f11-async",
  )) {
    it(id, async () => {
      const open = new Map<number, (results: readonly string[]) => void>();
      const { mode, timeout } = operator.params;
      const test = testFlow<number, string>((ids) =>
        ids
          .mapAsync((value) => new Promise<readonly string[]>((resolve) => open.set(value, resolve)), {
            concurrency: input.length,
            order: mode === "ordered" ? "input" : "any",
            ...(timeout === undefined ? {} : { timeout, fallback: (value: number) => [`timeout:${value}`] }),
          })
          .flatten(),
      );
      await test.idle("0");
      const actual: unknown[] = [];
      for (const [after, step] of input.entries()) {
        if (step.op === "element") await test.send(step.value, { time: step.time });
        else if (step.op === "complete") {
          open.get(step.value)?.(step.results);
          await test.settle();
        } else if (step.op === "watermark") await test.watermark(step.time);
        else await test.advance(step.time - test.clock.now());
        for (const { value, time } of test.elements()) actual.push({ after, output: { value, time } });
      }
      expect(actual).toEqual(expected.filter(({ output }) => output !== undefined));
    });
  }
});

type Cmd =
  | { readonly cmd: "add"; readonly n: number }
  | { readonly cmd: "read" }
  | {
      readonly cmd: "registerEventTimer" | "deleteEventTimer" | "registerProcessingTimer" | "deleteProcessingTimer";
      readonly at: number;
    };

type TimerStep =
  | { readonly op: "element"; readonly key: string; readonly value: Cmd; readonly time?: number }
  | { readonly op: "watermark" | "advanceProcessingTime"; readonly time: number }
  | { readonly op: "snapshotRestore" | "end" };

interface TimerParams {
  readonly clearOnTimer: boolean;
  readonly repeat?: { readonly every: number; readonly until: number };
}

for (const family of ["f9-timers", "f10-restore"]) {
  describe(`${family} vectors in a run`, () => {
    for (const each of vectors<TimerParams, TimerStep, Entry>(family).filter(
      ({ operator }) => operator.kind === "keyedTimers",
    )) {
      it(each.id, async () => {
        const actual = await play(each.operator.params, each.input);
        const expected = each.expected.map(withoutClockTime);
        expect(each.unordered ? sorted(actual) : actual).toEqual(each.unordered ? sorted(expected) : expected);
      });
    }
  });
}

/** Outputs of processing timers have no time in the vectors, and the clock's here. */
function withoutClockTime({ after, output }: Entry): Entry {
  const { key, value, time } = output as { key: string; value: { timer?: string }; time?: number };
  return { after, output: { key, value, ...(value.timer === "processing" || time === undefined ? {} : { time }) } };
}

async function play({ clearOnTimer, repeat }: TimerParams, input: readonly TimerStep[]): Promise<Entry[]> {
  const test = testFlow<{ readonly key: string; readonly command: Cmd }, unknown>((sent) =>
    sent
      .keyBy(({ key }) => key)
      .process<{ sum: ValueState<number> }, unknown>("timers", {
        state: { sum: valueState<number>() },
        onValue: ({ command }, context) => {
          const { sum } = context.state;
          if (command.cmd === "add") sum.set((sum.get() ?? 0) + command.n);
          else if (command.cmd === "read") return [{ state: sum.get() ?? 0, watermark: context.watermark ?? null }];
          else if (command.cmd === "registerEventTimer") context.setTimer(command.at);
          else if (command.cmd === "deleteEventTimer") context.cancelTimer(command.at);
          else if (command.cmd === "registerProcessingTimer") context.setTimer(command.at, "processing");
          else context.cancelTimer(command.at, "processing");
          return;
        },
        onTimer: (at, clock, context) => {
          const state = context.state.sum.get() ?? 0;
          if (clearOnTimer) context.state.sum.clear();
          if (repeat !== undefined && at + repeat.every <= repeat.until) context.setTimer(at + repeat.every, clock);
          return [{ timer: clock, at, state }];
        },
      }),
  );
  // The first call decides whether the input is timed.
  if (input.some((step) => step.op === "element" && step.time !== undefined)) await test.idle("0");
  const actual: Entry[] = [];
  for (const [after, step] of input.entries()) {
    if (step.op === "element")
      await test.send({ key: step.key, command: step.value }, step.time === undefined ? {} : { time: step.time });
    else if (step.op === "watermark") await test.watermark(step.time);
    else if (step.op === "advanceProcessingTime") await test.advance(step.time - test.clock.now());
    else if (step.op === "end") await test.end();
    else {
      // Here the watermark is restored too, and comes at once; there the next step is a watermark.
      await test.restart();
      continue;
    }
    for (const { key, value, time } of test.elements())
      actual.push(
        withoutClockTime({ after, output: { key: key as string, value, ...(time === undefined ? {} : { time }) } }),
      );
  }
  return actual;
}
