import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { batchOf, originOf, StageHarness } from "../../test/stage-harness.js";
import { expectInvariant } from "../../test/stage-invariance.js";
import { MAX_BATCH } from "../stage.js";
import { type StatefulSpec, stateful } from "./stateful.js";
import type { StateContext } from "./value-context.js";

const sum: StatefulSpec<string, number, number, number> = {
  init: () => 0,
  onValue: (total, n) => [total + n, total + n],
};

describe("stateful", () => {
  it("keeps a state for each key and emits what follows it in the result", () => {
    const harness = new StageHarness(
      stateful("s", {
        init: (key: string) => `${key}:`,
        onValue: (state, value: string) => [state + value, state, value],
      }),
    );
    harness.send(["1", "2"], { key: "a" }).send(["3"], { key: "b" });
    expect(harness.take()).toEqual(["a:", "1", "a:1", "2", "b:", "3"]);
    expect([harness.stage.read?.("a"), harness.newKeys]).toEqual(["a:12", ["a", "b"]]);
  });

  it("puts outputs beside the key, time and mark of the value, with an id of their own", () => {
    const harness = new StageHarness(
      stateful("s", {
        init: () => 0,
        onValue: (n: number, value: number) => [n, ...Array.from({ length: value }, (_, i) => i)],
      }),
    );
    harness.sendBatch(
      batchOf(
        [2, 0, 1].map((value, i) => ({ value, time: i * 10, key: "k", origin: originOf(i), mark: i + 5 })),
        "p",
      ),
    );
    const out = (i: number, value: number, index: string) => ({
      output: 0,
      value,
      time: i * 10,
      key: "k",
      origin: { ...originOf(i), index },
      mark: i + 5,
      partition: "p",
    });
    expect(harness.log).toEqual([out(0, 0, "0"), out(0, 1, "1"), out(2, 0, "0")]);
  });

  it("tells the function key, time, watermark and origin, in one object that is filled anew", () => {
    const seen: unknown[] = [];
    const objects = new Set<unknown>();
    const spy: StatefulSpec<string, number, number, never> = {
      init: () => 0,
      onValue: (n, _value, context: StateContext<string>) => {
        seen.push([context.key, context.time, context.watermark, context.origin?.offset]);
        objects.add(context);
        return [n];
      },
    };
    const harness = new StageHarness(stateful("s", spy));
    harness.send([1], { key: "a" }).watermark(5);
    harness.send([1], { key: "b", time: 9, origin: originOf(3) });
    expect([seen, objects.size]).toEqual([
      [
        ["a", undefined, undefined, undefined],
        ["b", 9, 5, 3],
      ],
      1,
    ]);
  });

  it("forgets a key whose next state is undefined", () => {
    const harness = new StageHarness(
      stateful("s", {
        init: () => 0,
        onValue: (n: number, value: number) => (n + value > 2 ? [undefined, "full"] : [n + value]),
      }),
    );
    harness.send([1, 1], { key: "k" }).checkpoint();
    expect(harness.stored).toBe(1);
    harness.send([1], { key: "k" }).checkpoint();
    expect([harness.take(), harness.stored, harness.stage.read?.("k")]).toEqual([["full"], 0, undefined]);
    harness.crash().send([1], { key: "k" });
    expect(harness.stage.read?.("k")).toBe(1);
  });

  it("leaves the state as it was where the function throws or returns no list", () => {
    const odd = {
      init: () => 0,
      onValue: (n: number, value: number) => {
        if (value === 3) throw new Error("no");
        if (value === 4) return n as never;
        if (value === 5) return Promise.reject(new Error("late")) as never;
        return [n + value, n + value] as [number, number];
      },
    };
    const harness = new StageHarness(stateful("s", odd), { onError: "skip" });
    harness.send([1, 3, 2, 4, 5], { key: "k" }).send([3], { key: "new" });
    expect([harness.take(), harness.stage.read?.("k"), harness.stage.read?.("new"), harness.newKeys]).toEqual([
      [1, 3],
      3,
      undefined,
      ["k"],
    ]);
    expect(harness.errors.map(({ error }) => String(error))).toEqual([
      "Error: no",
      "StreamError: E_OPERATOR: onValue must return [next state, ...outputs]; it returned 3",
      "StreamError: E_OPERATOR: onValue must return [next state, ...outputs]; it returned a promise: it must be synchronous, so do what waits in mapAsync() or lookup() before",
      "Error: no",
    ]);
    expect(() => new StageHarness(stateful("s", odd)).send([3], { key: "k" })).toThrow(/E_OPERATOR/);
  });

  it("emits in bounded slices, and takes all values of a batch though nobody wants outputs any more", () => {
    const many = stateful("s", { init: () => 0, onValue: (n: number) => [n + 1, ...Array<number>(MAX_BATCH).fill(n)] });
    const harness = new StageHarness(many);
    harness.send([1, 2], { key: "k" });
    expect(harness.batches.map(({ batch }) => batch.values.length)).toEqual([MAX_BATCH, MAX_BATCH]);
    harness.closedBelow = true;
    harness.send([1, 2, 3], { key: "k" });
    expect([harness.stage.read?.("k"), harness.batches.length]).toEqual([5, 3]);
  });

  it("gives the same however the input is cut and the stage restored", () => {
    const step = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({
          value: fc.integer({ min: 0, max: 9 }),
          key: fc.constantFrom("a", "b", "c"),
          time: fc.integer({ min: 0, max: 40 }),
        }),
      },
      {
        weight: 1,
        arbitrary: fc
          .integer({ min: 0, max: 60 })
          .map((time) => ({ signal: (harness: StageHarness) => void harness.watermark(time) })),
      },
    );
    const spec: StatefulSpec<string, number, { n: number }, string> = {
      init: (key) => ({ n: key.length }),
      onValue: ({ n }, value, { key }) => {
        if (value === 8) throw new Error("no");
        return value === 9 ? [undefined, `${key} forgotten at ${n}`] : [{ n: n + value }, `${key} ${n}`];
      },
    };
    expectInvariant(() => stateful("s", spec), fc.array(step, { maxLength: 30, size: "max" }));
    expectInvariant(
      () => stateful("s", { ...spec, ttl: 10 }),
      ascending(fc.array(step, { maxLength: 30, size: "max" })),
    );
  });

  it("refuses state that can not be saved at the first write, as no value's fault", () => {
    class Score {}
    const harness = new StageHarness(
      stateful("score", { init: () => new Score(), onValue: (state: Score) => [state] }),
      { onError: "skip" },
    );
    expect(() => harness.send([1], { key: "k" })).toThrow('E_STATE_CODEC: state of "score" holds an instance of Score');
    expect(harness.errors).toEqual([]);
  });

  it("saves with the codec that is given", () => {
    const codec = {
      version: 3,
      encode: (n: number) => Uint8Array.of(n),
      decode: (bytes: Uint8Array) => bytes[0] as number,
    };
    const harness = new StageHarness(stateful("s", { ...sum, codec }));
    expect(harness.send([4], { key: "k" }).restart().send([5], { key: "k" }).take()).toEqual([4, 9]);
  });

  it("refuses a spec that is none", () => {
    expect(() => stateful("s", {} as never)).toThrow(/E_ARGUMENT: stateful "s" needs the functions init and onValue/);
    expect(() => stateful("s", { ...sum, ttl: 0 })).toThrow(/E_DURATION: stateful "s": ttl must be more than zero/);
    expect(() => stateful("s", { ...sum, ttl: { after: 1, from: "never" as never } })).toThrow(
      /E_ARGUMENT: stateful "s": ttl.from/,
    );
  });
});

describe("stateful ttl", () => {
  const harnessOf = (from: "write" | "create" | "read" = "write") =>
    new StageHarness(stateful("s", { ...sum, ttl: { after: 10, from } }));
  const last = (harness: StageHarness): unknown => harness.take().at(-1);

  it("needs event time, and only then", () => {
    expect([stateful("s", { ...sum, ttl: 10 }).eventTime, stateful("s", sum).eventTime]).toEqual(["needs", undefined]);
  });

  it("is judged by the value's own time, before and after the sweep", () => {
    for (const swept of [false, true]) {
      const harness = harnessOf();
      harness.send([1], { key: "k", time: 100 });
      if (swept) harness.watermark(109);
      expect(last(harness.send([1], { key: "k", time: 109 }))).toBe(2);
      if (swept) harness.watermark(119);
      expect(harness.stage.read?.("k")).toBe(swept ? undefined : 2);
      expect(last(harness.send([1], { key: "k", time: 119 }))).toBe(1);
    }
  });

  it("is judged by its partition's watermark for a value that came behind that", () => {
    const fresh = harnessOf();
    fresh.send([1], { key: "k", time: 100 });
    expect(last(fresh.send([1], { key: "k", time: 50, mark: 109 }))).toBe(2);
    const stale = harnessOf();
    stale.send([1], { key: "k", time: 100 });
    expect(last(stale.send([1], { key: "k", time: 50, mark: 110 }))).toBe(1);
  });

  it("does not depend on when the sweep ran, nor on how the input is cut", () => {
    const value = fc.record({
      value: fc.constant(1),
      key: fc.constantFrom("a", "b"),
      ahead: fc.integer({ min: -15, max: 25 }),
    });
    fc.assert(
      fc.property(
        fc.array(value, { maxLength: 40, size: "max" }),
        fc.infiniteStream(fc.boolean()),
        (values, sweeps) => {
          const swept = harnessOf();
          const unswept = harnessOf();
          let watermark = 0;
          for (const { value: one, key, ahead } of values) {
            const time = watermark + ahead;
            const mark = time <= watermark + 1 ? watermark : Number.NaN;
            const sent = { key, time, mark };
            swept.send([one], sent);
            unswept.send([one], sent);
            watermark = Math.max(watermark, time - 3);
            if (sweeps.next().value) swept.watermark(watermark);
          }
          expect(swept.log).toEqual(unswept.log);
        },
      ),
    );
  });

  it("saves what the sweep frees as deletes", () => {
    const harness = harnessOf();
    harness.send([1], { key: "k", time: 100 }).checkpoint();
    expect(harness.stored).toBe(1);
    harness.watermark(110).checkpoint();
    expect(harness.stored).toBe(0);
  });

  it("keeps stamps over a restart", () => {
    const harness = harnessOf();
    harness.send([1], { key: "k", time: 100 }).restart();
    expect(last(harness.send([1], { key: "k", time: 110 }))).toBe(1);
  });

  it("counts from creation where asked to", () => {
    const harness = harnessOf("create");
    harness.send([1], { key: "k", time: 100 }).send([1], { key: "k", time: 109 });
    expect(last(harness.send([1], { key: "k", time: 110 }))).toBe(1);
    expect((harness.spec.reads as { marks: boolean }).marks).toBe(true);
  });
});

/** Watermarks that are right for the values: what comes at or behind one is marked with it. */
function ascending(
  steps: fc.Arbitrary<({ value: number; key: string; time: number } | { signal: (harness: StageHarness) => void })[]>,
) {
  return steps.map((taken) => {
    let watermark = Number.NEGATIVE_INFINITY;
    return taken.map((step) => {
      if ("signal" in step) {
        const before = watermark;
        return {
          signal: (harness: StageHarness) => {
            harness.watermark(before);
          },
        };
      }
      const marked = { ...step, mark: step.time <= watermark + 1 ? watermark : Number.NaN };
      watermark = Math.max(watermark, step.time - 5);
      return marked;
    });
  });
}
