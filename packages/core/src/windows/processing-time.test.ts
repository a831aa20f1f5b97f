import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ManualClock, type Out, StageHarness } from "../../test/stage-harness.js";
import { MAIN } from "../stage.js";
import { windowsOf } from "./aligned.js";
import { session } from "./session.js";
import { shortWindow } from "./short-window.js";
import { sliding } from "./sliding.js";
import { tumbling } from "./tumbling.js";
import type { WindowSpec } from "./window.js";
import { window } from "./window-operator.js";

const clock = "processing";

function harness(spec: WindowSpec, now = 0): StageHarness {
  return new StageHarness(window("w", spec, {}, { kind: "collect" }, true), { clock: new ManualClock(now) });
}

const texts = (h: StageHarness): string[] =>
  (h.drain() as Out[])
    .filter(({ output }) => output === MAIN)
    .map(({ value, time }) => {
      const {
        key,
        window: { start, end },
        value: values,
      } = value as { key: string; window: { start: number; end: number }; value: unknown[] };
      expect(time).toBe(end - 1);
      return `${key} ${start}-${end} ${values.join(",")}`;
    });

describe("windows by processing time", () => {
  it("fire when the clock has reached their end, not a millisecond before it", () => {
    const h = harness(tumbling({ size: 10, clock }));
    h.send(["x"], { key: "a" });
    h.set(9);
    h.send(["y"], { key: "a" });
    expect(texts(h)).toEqual([]);
    h.set(10);
    expect(texts(h)).toEqual(["a 0-10 x,y"]);
    h.send(["z"], { key: "a" });
    h.set(100);
    expect(texts(h)).toEqual(["a 10-20 z"]);
  });

  it("do not look at event times, marks and watermarks", () => {
    const h = harness(tumbling({ size: 10, clock }));
    h.send(["x"], { key: "a", time: 7_000, mark: 9_000 });
    h.watermark(10_000);
    expect(texts(h)).toEqual([]);
    h.set(10);
    expect(texts(h)).toEqual(["a 0-10 x"]);
  });

  it("fire when a complete input ends", () => {
    for (const spec of [
      tumbling({ size: 10, clock }),
      sliding({ size: 10, slide: 10, clock }),
      session({ gap: 10, clock }),
    ]) {
      const h = harness(spec);
      h.send(["x"], { key: "a" });
      h.end();
      expect(texts(h)).toEqual(["a 0-10 x"]);
    }
  });

  it("that are overdue fire before the first value of a restored run, in the order of time", () => {
    for (const spec of [
      tumbling({ size: 10, clock }),
      sliding({ size: 10, slide: 10, clock }),
      session({ gap: 10, clock }),
    ]) {
      const h = harness(spec);
      h.send(["x"], { key: "b" });
      h.set(3);
      h.send(["y"], { key: "a" });
      h.checkpoint();
      h.clock.set(50);
      h.crash();
      expect(texts(h).map((text) => text[0])).toEqual(["b", "a"]);
      h.send(["z"], { key: "a" });
      h.set(60);
      expect(texts(h)).toEqual(["a 50-60 z"]);
    }
  });

  it("let overdue sessions fire before a value that comes after them", () => {
    const h = harness(session({ gap: 10, clock }));
    h.send(["x"], { key: "a" });
    h.clock.set(10);
    h.send(["y"], { key: "a" });
    expect(texts(h)).toEqual(["a 0-10 x"]);
  });

  const spec = fc.oneof(
    fc
      .record({ size: fc.integer({ min: 1, max: 12 }), slide: fc.integer({ min: 1, max: 12 }) })
      .map((sizes) => ({ ...sizes, spec: sliding({ ...sizes, clock }) })),
    fc.integer({ min: 1, max: 12 }).map((size) => ({ size, slide: size, spec: tumbling({ size, clock }) })),
  );
  const waits = fc.array(
    fc.record({ wait: fc.integer({ min: 0, max: 9 }), key: fc.constantFrom("a", "b"), restart: fc.boolean() }),
    { maxLength: 25 },
  );

  it("hold what came in them, wherever the run is restarted", () => {
    fc.assert(
      fc.property(spec, waits, ({ size, slide, spec: windows }, values) => {
        const h = harness(windows);
        const expected: Record<string, number[]> = {};
        const actual: string[] = [];
        let now = 0;
        for (const [id, { wait, key, restart }] of values.entries()) {
          now += wait;
          h.set(now);
          if (restart) h.restart();
          h.send([id], { key });
          actual.push(...texts(h));
          for (const { start, end } of windowsOf(now, { sizeMs: size, slideMs: slide, offsetMs: 0 })) {
            const name = `${key} ${start}-${end}`;
            expected[name] = [...(expected[name] ?? []), id];
          }
        }
        h.set(now + 100);
        actual.push(...texts(h));
        expect([...actual].sort()).toEqual(
          Object.entries(expected)
            .map(([name, ids]) => `${name} ${ids.join(",")}`)
            .sort(),
        );
        const ends = actual.map((text) => Number(/(-?\d+) [\d,]+$/.exec(text)?.[1]));
        expect(ends.length).toBe(actual.length);
      }),
      { numRuns: 300 },
    );
  });
});

describe("short windows", () => {
  it("give arrays over all keys, in the order of time", () => {
    const h = new StageHarness(shortWindow(tumbling({ size: 10 }), {}));
    h.send([3], { key: "a", time: 3 });
    h.send([1], { key: "b", time: 1 });
    h.watermark(20);
    expect(h.drain()).toEqual([
      {
        output: MAIN,
        value: [1, 3],
        time: 9,
        origin: { source: "tumblingWindow-1", partition: "", offset: "0-10", index: "" },
      },
    ]);
  });

  it("hold anything where no name says that a checkpoint is to find them", () => {
    class Money {}
    const h = new StageHarness(shortWindow(session({ gap: 10, clock }), {}));
    const money = new Money();
    h.send([money]);
    h.set(10);
    expect(h.take()).toEqual([[money]]);
    expect(() => new StageHarness(shortWindow(session({ gap: 10, clock }), { name: "s" })).send([money])).toThrow(
      /E_STATE_CODEC/,
    );
  });

  it("are described as what they are", () => {
    expect(shortWindow(sliding({ size: 10, slide: 5 }), { name: "s" })).toMatchObject({
      kind: "slidingWindow",
      name: "s",
      global: true,
      eventTime: "needs",
      holdsState: true,
    });
    expect(shortWindow(sliding({ size: 10, slide: 5, clock }), {})).not.toHaveProperty("eventTime");
    expect(shortWindow(sliding({ size: 10, slide: 5, clock }), {}).name).toBeUndefined();
    expect(() => shortWindow(sliding({ size: 5, slide: 10 }), {})).toThrow(
      /E_ARGUMENT.*slidingWindow\(\).*slide longer than size/,
    );
  });
});
