import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { batchOf, type Out, originOf, StageHarness } from "../../test/stage-harness.js";
import { expectInvariant, type Step } from "../../test/stage-invariance.js";
import { type Case, type Entry, sorted, vectors } from "../../test/vectors/vectors.js";
import { MAX_BATCH } from "../stage.js";
import { listState, mapState, type ValueState, valueState } from "../state/declarations.js";
import { type ProcessSpec, process } from "./process.js";

const NONE = {};
type None = Record<never, never>;

describe("process", () => {
  it("emits what its function returns, beside the value's key, time and mark, with ids of their own", () => {
    const harness = new StageHarness(
      process<string, number, None, string>("p", {
        state: NONE,
        onValue: (n, { key }) => (n === 0 ? undefined : Array.from({ length: n }, (_, i) => `${key}${i}`)),
      }),
    );
    harness.sendBatch(
      batchOf(
        [2, 0, 1].map((value, i) => ({ value, time: i, key: "k", origin: originOf(i), mark: 9 })),
        "p",
      ),
    );
    const out = (i: number, value: string, index: string) => ({
      output: 0,
      value,
      time: i,
      key: "k",
      origin: { ...originOf(i), index },
      mark: 9,
      partition: "p",
    });
    expect(harness.log).toEqual([out(0, "k0", "0"), out(0, "k1", "1"), out(2, "k0", "0")]);
  });

  it("finds its states for the key at hand, and shows them", () => {
    const spec = process("p", {
      state: { count: valueState<number>(), seen: mapState<string, number>(), recent: listState<string>() },
      onValue: (value: string, { state }) => {
        const count = (state.count.get() ?? 0) + 1;
        state.count.set(count);
        state.seen.set(value, (state.seen.get(value) ?? 0) + 1);
        state.recent.push(value);
        return [[count, [...state.seen.entries()], state.recent.values()]];
      },
    });
    const harness = new StageHarness(spec);
    harness.send(["x"], { key: "a" }).send(["y", "x"], { key: "a" }).send(["x"], { key: "b" });
    expect(harness.take().slice(2)).toEqual([
      [
        3,
        [
          ["x", 2],
          ["y", 1],
        ],
        ["x", "y", "x"],
      ],
      [1, [["x", 1]], ["x"]],
    ]);
    harness.restart();
    expect([harness.stage.read?.("a"), new Set(harness.newKeys)]).toEqual([
      {
        count: 3,
        seen: new Map([
          ["x", 2],
          ["y", 1],
        ]),
        recent: ["x", "y", "x"],
      },
      new Set(["a", "b"]),
    ]);
  });

  it("takes back states and timers of a call that fails, and leaves its value out", () => {
    const spec = process("p", {
      state: { n: valueState<number>() },
      onValue: (value: number, { state, setTimer, cancelTimer: _ }) => {
        void setTimer;
        state.n.set((state.n.get() ?? 0) + value);
        if (value === 3) throw new Error("no");
        return [state.n.get()];
      },
    });
    const harness = new StageHarness(spec, { onError: "skip" });
    harness.send([1, 3, 2], { key: "k", time: 1 }).send([3], { key: "new", time: 1 });
    expect([harness.take(), harness.stage.read?.("k"), harness.stage.read?.("new")]).toEqual([
      [1, 3],
      { n: 3 },
      { n: undefined },
    ]);
    const timers = process<string, number, None, string>("t", {
      state: NONE,
      onValue: (value, context) => {
        if (value === 0) return context.setTimer(10);
        context.cancelTimer(10);
        context.setTimer(20);
        throw new Error("no");
      },
      onTimer: (time) => [`at ${time}`],
    });
    const other = new StageHarness(timers, { onError: "skip" });
    other.send([0, 1], { key: "k", time: 1 }).watermark(50);
    expect(other.take()).toEqual(["at 10"]);
  });

  it("refuses what can not be saved, and no array, whoever asked to pass over values", () => {
    const unsavable = process("p", {
      state: { n: valueState<unknown>() },
      onValue: (_: number, { state }) => state.n.set(() => 1),
    });
    expect(() => new StageHarness(unsavable, { onError: "skip" }).send([1], { key: "k" })).toThrow(
      /E_STATE_CODEC: state of "p.n" holds a function/,
    );
    const odd = process<string, unknown, None, never>("p", { state: NONE, onValue: (value) => value as never });
    const harness = new StageHarness(odd, { onError: "skip" });
    harness.send([7, Promise.reject(new Error("late")), null], { key: "k" });
    expect(harness.errors.map(({ error }) => String(error))).toEqual(
      [7, 0].map(
        (n) =>
          `StreamError: E_OPERATOR: onValue and onTimer must return an array of outputs or nothing; it returned ${n === 7 ? "7" : "a promise"}`,
      ),
    );
  });

  it("refuses a spec that is none", () => {
    expect(() => process("p", {} as never)).toThrow(/E_ARGUMENT: process "p" needs the function onValue/);
    expect(() => process("p", { state: {}, onValue: () => {}, onTimer: 1 as never })).toThrow(
      /E_ARGUMENT: process "p": onTimer must be a function/,
    );
    expect(() => process("p", { state: { n: 1 as unknown as ValueState<number> }, onValue: () => {} })).toThrow(
      /E_ARGUMENT: process "p": state.n must be made by valueState/,
    );
    expect(() => process("p", { state: { n: valueState({ ttl: 0 }) }, onValue: () => {} })).toThrow(
      /E_DURATION: process "p": state.n: ttl/,
    );
    const expiring = process("p", { state: { n: valueState({ ttl: "1d" }) }, onValue: () => {} });
    expect([
      expiring.eventTime,
      expiring.reads?.marks,
      process("p", { state: {}, onValue: () => {} }).eventTime,
    ]).toEqual(["needs", true, undefined]);
  });

  it("takes all values of a batch though nobody wants outputs any more, in bounded slices", () => {
    const many = process("p", {
      state: { n: valueState<number>() },
      onValue: (_: number, { state }) => {
        state.n.set((state.n.get() ?? 0) + 1);
        return Array<number>(MAX_BATCH).fill(0);
      },
    });
    const harness = new StageHarness(many);
    harness.closedBelow = true;
    harness.send([1, 2, 3], { key: "k" });
    expect([harness.stage.read?.("k"), harness.batches.map(({ batch }) => batch.values.length)]).toEqual([
      { n: 3 },
      [MAX_BATCH],
    ]);
  });
});

interface Command {
  readonly set?: readonly [time: number, clock?: "event" | "processing"];
  readonly cancel?: readonly [time: number, clock?: "event" | "processing"];
}

/** Sets and cancels timers as it is told; every timer says its key, clock and time. */
const commands = (onTimer?: ProcessSpec<string, Command, None, string>["onTimer"]) =>
  process<string, Command, None, string>("p", {
    state: NONE,
    onValue: ({ set, cancel }, context) => {
      if (set !== undefined) context.setTimer(...set);
      if (cancel !== undefined) context.cancelTimer(...cancel);
    },
    onTimer: onTimer ?? ((time, clock, { key }) => [`${key} ${clock} ${time}`]),
  });

describe("process timers", () => {
  it("fire once each, by event time in ascending time, with the timer's key, time and id", () => {
    const harness = new StageHarness(commands());
    harness.send([{ set: [30] }, { set: [10] }, { set: [10] }, { set: [20] }, { cancel: [20] }, { cancel: [99] }], {
      key: "a",
      time: 1,
    });
    harness.send([{ set: [20, "event"] }], { key: "b", time: 1 });
    harness.watermark(9);
    expect(harness.log).toEqual([]);
    harness.watermark(30);
    const out = (key: string, time: number) => ({
      output: 0,
      value: `${key} event ${time}`,
      time,
      key,
      origin: { source: "p", partition: `s:${key}`, offset: time, index: "0" },
    });
    expect(harness.log).toEqual([out("a", 10), out("b", 20), out("a", 30)]);
    harness.watermark(100);
    expect(harness.log).toHaveLength(3);
  });

  it("fire by the clock too, also for a time that has passed, a moment later", () => {
    const harness = new StageHarness(commands());
    harness.set(50).send([{ set: [60, "processing"] }, { set: [40, "processing"] }], { key: "a" });
    harness.set(50);
    expect(harness.take()).toEqual([]);
    harness.set(51);
    expect(harness.take()).toEqual(["a processing 40"]);
    expect(harness.stage.busy?.()).toBe(true);
    harness.set(60);
    expect([harness.take(), harness.stage.busy?.()]).toEqual([["a processing 60"], false]);
    harness
      .send([{ set: [70, "processing"] }], { key: "a" })
      .send([{ cancel: [70, "processing"] }], { key: "a" })
      .set(100);
    expect(harness.take()).toEqual([]);
  });

  it("for a time that the watermark has passed fire at the next one", () => {
    const harness = new StageHarness(commands());
    harness.watermark(50).send([{ set: [10] }], { key: "a", time: 5 });
    expect(harness.take()).toEqual([]);
    harness.watermark(50);
    expect(harness.take()).toEqual(["a event 10"]);
  });

  it("that a timer sets fire in the same round where they are due later, and in the next one where they would never end", () => {
    const again = commands((time, clock, context) => {
      context.setTimer(time === 40 ? 40 : time + 10, clock);
      return [`${context.key} ${time}`];
    });
    const harness = new StageHarness(again);
    harness
      .send([{ set: [20] }], { key: "a", time: 1 })
      .send([{ set: [35] }], { key: "b", time: 1 })
      .watermark(44);
    expect(harness.take()).toEqual(["a 20", "a 30", "b 35", "a 40"]);
    harness.watermark(45);
    expect(harness.take()).toEqual(["a 40", "b 45"]);
    const cancels = commands((time, clock, context) => {
      context.setTimer(time, clock);
      context.cancelTimer(time, clock);
      return [`${time}`];
    });
    const other = new StageHarness(cancels);
    other
      .send([{ set: [20] }, { set: [20, "processing"] }], { key: "a", time: 1 })
      .watermark(20)
      .watermark(21)
      .set(500);
    expect(other.take()).toEqual(["20", "20"]);
  });

  it("survive a restart; those that became overdue meanwhile fire before the first value, in time order", () => {
    const harness = new StageHarness(commands());
    harness.send(
      [{ set: [30, "processing"] }, { set: [10, "processing"] }, { set: [90, "processing"] }, { set: [5] }],
      { key: "a", time: 1 },
    );
    harness.checkpoint();
    harness.clock.set(50);
    harness.crash();
    expect(harness.take()).toEqual(["a processing 10", "a processing 30"]);
    harness.restart().set(90).watermark(5);
    expect(harness.take()).toEqual(["a processing 90", "a event 5"]);
    expect(harness.checkpoint().stored).toBe(0);
  });

  it("tell the function their time and key; what fails goes to the error policy with both", () => {
    const seen: unknown[] = [];
    const spec = commands((time, clock, context) => {
      seen.push([context.key, context.time, context.watermark, context.origin]);
      if (time === 20) throw new Error("no");
      return [`${clock} ${time}`];
    });
    const harness = new StageHarness(spec, { onError: "skip" });
    harness
      .send([{ set: [20] }, { set: [10] }, { set: [5, "processing"] }], { key: "k", time: 1, origin: originOf(1) })
      .watermark(25)
      .set(5);
    expect([harness.take(), seen]).toEqual([
      ["event 10", "processing 5"],
      [
        ["k", 10, 25, undefined],
        ["k", 20, 25, undefined],
        ["k", undefined, 25, undefined],
      ],
    ]);
    expect(harness.errors.map(({ value }) => value)).toEqual([{ key: "k", time: 20, clock: "event" }]);
  });

  it("are refused by event time on a stream without it, with another clock, and for no time", () => {
    const harness = new StageHarness(commands(), { onError: "skip" });
    expect(() => harness.send([{ set: [1] }], { key: "a" })).toThrow(
      /E_NO_EVENT_TIME: process "p" sets a timer by event time/,
    );
    harness.send([{ set: [1, "sun" as never] }, { set: [Number.NaN] }, { cancel: [1, "sun" as never] }], {
      key: "a",
      time: 1,
    });
    expect(harness.errors.map(({ error }) => (error as { code: string }).code)).toEqual([
      "E_ARGUMENT",
      "E_ARGUMENT",
      "E_ARGUMENT",
    ]);
  });

  it("leave in slices of at most MAX_BATCH", () => {
    const harness = new StageHarness(commands());
    for (let i = 0; i < MAX_BATCH + 1; i++) harness.send([{ set: [i] }], { key: "a", time: 0 });
    harness.watermark(MAX_BATCH * 2);
    expect(harness.batches.map(({ batch }) => batch.values.length)).toEqual([MAX_BATCH, 1]);
  });

  it("read states by their own time, so that results do not depend on the sweep", () => {
    const spec = process<string, number, { n: ValueState<number> }, string>("p", {
      state: { n: valueState<number>({ ttl: 10 }) },
      onValue: (time, { state, setTimer: _, ...context }) => {
        void context;
        state.n.set(time);
      },
      onTimer: (time, _, { state }) => [`${time}: ${state.n.get()}`],
    });
    const armed = process<string, number, { n: ValueState<number> }, string>("p", {
      state: { n: valueState<number>({ ttl: 10 }) },
      onValue: (time, context) => {
        context.state.n.set(time);
        for (const wait of [5, 9, 10]) context.setTimer(time + wait);
      },
      onTimer: (time, _, { state }) => [`${time}: ${state.n.get()}`],
    });
    expect(spec.eventTime).toBe("needs");
    for (const watermarks of [[200], [104, 105, 106, 109, 110, 111]]) {
      const harness = new StageHarness(armed);
      harness.send([100], { key: "k", time: 100, mark: Number.NaN });
      for (const time of watermarks) harness.watermark(time);
      expect(harness.take()).toEqual(["105: 100", "109: 100", "110: undefined"]);
    }
  });

  it("give the same however the input is cut and the stage restored", () => {
    const time = fc.integer({ min: 0, max: 40 });
    const key = fc.constantFrom("a", "b", "c");
    const command = fc.record({
      what: fc.constantFrom("set" as const, "cancel" as const),
      at: time,
      clock: fc.constantFrom("event" as const, "processing" as const),
      key,
      time,
    });
    const step = fc.oneof(
      { weight: 4, arbitrary: command },
      { weight: 1, arbitrary: fc.record({ watermark: time }) },
      { weight: 1, arbitrary: fc.record({ wait: fc.integer({ min: 1, max: 15 }) }) },
    );
    expectInvariant(() => commands(), fc.array(step, { maxLength: 40, size: "max" }).map(played));
  });
});

type Played =
  | {
      readonly what: "set" | "cancel";
      readonly at: number;
      readonly clock: "event" | "processing";
      readonly key: string;
      readonly time: number;
    }
  | { readonly watermark: number }
  | { readonly wait: number };

/**
 * Timers are set ahead of their clock: one for a time that has passed fires at the next watermark or moment, and a restart is both.
 */
function played(steps: readonly Played[]): Step[] {
  let now = 0;
  let watermark = 0;
  return steps.map((step): Step => {
    if ("watermark" in step) {
      watermark = Math.max(watermark, step.watermark);
      const until = watermark;
      return { signal: (harness) => void harness.watermark(until) };
    }
    if ("wait" in step) {
      now += step.wait;
      const until = now;
      return { signal: (harness) => void harness.set(until) };
    }
    const { what, at, clock, key, time } = step;
    return { value: { [what]: [1 + at + (clock === "event" ? watermark : now), clock] }, key, time };
  });
}

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

/** Recorded from a keyed function with timers in Flink; F10 has the same with restores. */
for (const family of ["f9-timers", "f10-restore"]) {
  describe(`${family} vectors`, () => {
    const cases = vectors<TimerParams, TimerStep, Entry>(family).filter(
      ({ operator }) => operator.kind === "keyedTimers",
    );
    it("are there", () => expect(cases.length).toBe(family === "f9-timers" ? 36 : 12));
    for (const each of cases) {
      for (const cut of ["one by one", "restarted behind every step"] as const) {
        it(`${each.id} ${cut}`, () => {
          const actual = play(each, cut === "one by one");
          expect(each.unordered ? sorted(actual) : actual).toEqual(
            each.unordered ? sorted(each.expected.map(bare)) : each.expected.map(bare),
          );
        });
      }
    }
  });
}

/** What of an entry is compared: outputs of processing timers have no time there, and the clock's here. */
function bare({ after, output }: Entry): Entry {
  const { key, value, time } = output as { key: string; value: { timer?: string }; time?: number };
  return { after, output: { key, value, ...(value.timer === "processing" || time === undefined ? {} : { time }) } };
}

function play({ operator, input }: Case<TimerParams, TimerStep, Entry>, plain: boolean): Entry[] {
  const harness = new StageHarness(timersOf(operator.params));
  const actual: Entry[] = [];
  let watermark = Number.NEGATIVE_INFINITY;
  for (const [after, step] of input.entries()) {
    if (step.op === "element")
      harness.sendBatch(
        batchOf([{ value: step.value, key: step.key, ...(step.time === undefined ? {} : { time: step.time }) }]),
      );
    else if (step.op === "watermark") {
      watermark = step.time;
      harness.watermark(step.time);
    } else if (step.op === "advanceProcessingTime") harness.set(step.time);
    else if (step.op === "end") harness.end();
    else harness.restart();
    if (!plain && step.op !== "end") {
      harness.restart();
      if (watermark > Number.NEGATIVE_INFINITY) harness.resumeWatermark(watermark);
    }
    for (const { key, value, time } of harness.drain() as Out[])
      actual.push(bare({ after, output: { key: key as string, value, ...(time === undefined ? {} : { time }) } }));
  }
  return actual;
}

function timersOf({ clearOnTimer, repeat }: TimerParams) {
  return process<string, Cmd, { sum: ValueState<number> }, unknown>("timers", {
    state: { sum: valueState<number>() },
    onValue: (command, context) => {
      const { sum } = context.state;
      if (command.cmd === "add") sum.set((sum.get() ?? 0) + command.n);
      else if (command.cmd === "read") return [{ state: sum.get() ?? 0, watermark: context.watermark ?? null }];
      else if (command.cmd === "registerEventTimer") context.setTimer(command.at);
      else if (command.cmd === "deleteEventTimer") context.cancelTimer(command.at);
      else if (command.cmd === "registerProcessingTimer") context.setTimer(command.at, "processing");
      else context.cancelTimer(command.at, "processing");
      return [];
    },
    onTimer: (at, clock, context) => {
      const state = context.state.sum.get() ?? 0;
      if (clearOnTimer) context.state.sum.clear();
      if (repeat !== undefined && at + repeat.every <= repeat.until) context.setTimer(at + repeat.every, clock);
      return [{ timer: clock, at, state }];
    },
  });
}
