import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { batchOf, originOf, StageHarness } from "../../test/stage-harness.js";
import { throttle } from "./throttle.js";

describe("throttle", () => {
  it("P34: lets `elements` values pass, and the rest as time goes by", () => {
    const harness = new StageHarness(throttle({ elements: 2, per: 10 }));
    harness.send(["a", "b", "c", "d", "e", "f", "g"]);
    const reads = [5, 15, 25, 35, 45].map((time) => harness.set(time).take());
    expect(reads).toEqual([["a", "b"], ["c", "d"], ["e", "f"], ["g"], []]);
  });

  it("P35: with drop lets nothing more pass, and counts what it drops", () => {
    const harness = new StageHarness(throttle({ elements: 2, per: 20, overflow: "drop" }));
    harness.send(["a", "b", "c"]).set(10).send(["d"]).set(20).send(["e"]);
    expect([harness.take(), harness.counters.skipped]).toEqual([["a", "b", "e"], 2]);
  });

  it("P36: refuses limits that are none", () => {
    for (const elements of [0, -1, 1.5])
      expect(() => throttle({ elements, per: 1 })).toThrow(
        /E_ARGUMENT: throttle\(\): elements must be a whole number from 1/,
      );
    expect(() => throttle({ elements: 1, per: 0 })).toThrow(/E_DURATION: throttle\(\): per/);
    expect(() => throttle({ elements: 1, per: 1, overflow: "spill" as never })).toThrow(
      /E_ARGUMENT: throttle\(\): overflow must be "backpressure" or "drop"; it is "spill"/,
    );
  });

  it("never lets more pass in any interval of the length, in order and without loss", () => {
    const step = fc.tuple(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 1, max: 6 }), fc.boolean());
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 15, size: "max" }), (elements, steps) => {
        const harness = new StageHarness(throttle({ elements, per: 10, name: "t" }));
        const passed: { value: unknown; at: number }[] = [];
        const note = (): void => {
          for (const value of harness.take()) passed.push({ value, at: harness.clock.now() });
        };
        const tick = (by: number): void => {
          for (let i = 0; i < by; i++) {
            harness.set(harness.clock.now() + 1);
            note();
          }
        };
        let sent = 0;
        for (const [wait, count, restart] of steps) {
          tick(wait);
          harness.send(Array.from({ length: count }, () => sent++));
          note();
          if (restart) harness.restart();
          note();
        }
        tick(10 * (sent + 1));
        expect(passed.map(({ value }) => value)).toEqual(Array.from({ length: sent }, (_, i) => i));
        for (const { at } of passed)
          expect(passed.filter((other) => other.at >= at && other.at < at + 10).length).toBeLessThanOrEqual(elements);
        passed.slice(elements).forEach(({ at }, i) => {
          const waited = at - (passed[i] as { at: number }).at;
          expect(waited).toBeGreaterThanOrEqual(10);
        });
      }),
    );
  });

  it("takes no more while it holds, and wakes the chain when it is free", () => {
    const harness = new StageHarness(throttle({ elements: 1, per: 10 }));
    harness.send([1]);
    expect([harness.stage.full?.(0), harness.stage.busy?.(), harness.stage.waiting?.()]).toEqual([
      false,
      false,
      undefined,
    ]);
    harness.send([2, 3]);
    expect([
      harness.stage.full?.(0),
      harness.stage.held?.(),
      harness.stage.busy?.(),
      harness.stage.waiting?.(),
    ]).toEqual([true, 2, true, "2 values wait for the rate limit"]);
    const { wakes } = harness;
    harness.set(20);
    expect([harness.stage.full?.(0), harness.stage.held?.(), harness.wakes > wakes, harness.clock.pending]).toEqual([
      false,
      0,
      true,
      0,
    ]);
  });

  it("keeps watermarks and partition statuses behind the values they came after", () => {
    const harness = new StageHarness(throttle({ elements: 1, per: 10 }));
    harness.send([1], { time: 1 }).watermark(1).send([2], { time: 2 }).watermark(2);
    harness.stage.onPartition?.({ kind: "partition", partition: "p", status: "caughtUp" }, () => true);
    const early = harness.drain();
    expect(early).toEqual([
      { output: 0, value: 1, time: 1 },
      { watermark: 1, idle: false },
    ]);
    harness.set(10);
    expect(harness.drain()).toEqual([
      { output: 0, value: 2, time: 2 },
      { watermark: 2, idle: false },
      { status: { kind: "partition", partition: "p", status: "caughtUp" } },
    ]);
  });

  it("keeps the columns", () => {
    const harness = new StageHarness(throttle({ elements: 1, per: 10, name: "t" }));
    const sent = [1, 2].map((value) => ({ value, time: value, key: "k", origin: originOf(value), mark: 5 }));
    harness.sendBatch(batchOf(sent, "p")).restart().set(10);
    expect(harness.log).toEqual(sent.map((each) => ({ output: 0, partition: "p", ...each })));
  });

  it("lets a barrier pass at once, with what it holds", async () => {
    const harness = new StageHarness(throttle({ elements: 1, per: 10, name: "t" }));
    harness.send([1, 2, 3]);
    await harness.stage.onBarrier?.();
    harness.checkpoint().set(10);
    expect(harness.take()).toEqual([1, 2]);
    harness.crash();
    expect(harness.take()).toEqual([2]);
    harness.set(20).checkpoint();
    expect([harness.take(), harness.stored]).toEqual([[3], 1]);
  });

  it("accepts more than it asked for, because a barrier behind may have to reach it", () => {
    const harness = new StageHarness(throttle({ elements: 1, per: 10, name: "t" }));
    harness.send([1, 2]).send([3]).restart().set(20);
    expect(harness.take()).toEqual([1, 2, 3]);
  });

  it("ends when all it held is out", async () => {
    const harness = new StageHarness(throttle({ elements: 1, per: 10 }));
    harness.send([1, 2, 3]);
    let ended = false;
    const end = Promise.resolve(harness.stage.onEnd?.(() => true)).then(() => {
      ended = true;
    });
    harness.set(10);
    await harness.settle();
    expect([ended, harness.take()]).toEqual([false, [1, 2]]);
    harness.set(20);
    await end;
    expect(harness.take()).toEqual([3]);
    await harness.stage.onEnd?.(() => true);
  });

  it("drops what it holds once nobody below wants more, and on close", async () => {
    const harness = new StageHarness(throttle({ elements: 1, per: 10 }));
    harness.closedBelow = true;
    harness.send([1, 2, 3]);
    expect([harness.stage.full?.(0), harness.clock.pending]).toEqual([false, 0]);
    await harness.stage.onEnd?.(() => true);
    const closed = new StageHarness(throttle({ elements: 1, per: 10 }));
    closed.send([1, 2]);
    void closed.stage.close?.();
    expect([closed.clock.pending, closed.set(50).take()]).toEqual([0, [1]]);
  });

  it("ends the run where those below fail on what the clock lets out", async () => {
    const harness = new StageHarness(throttle({ elements: 1, per: 10 }));
    harness.send([1, 2]);
    const below = new Error("below");
    harness.failBelow = below;
    harness.set(10);
    expect(harness.aborted).toBe(below);
  });

  it("refuses values that can not be saved when the first is held", () => {
    class Row {}
    const harness = new StageHarness(throttle({ elements: 1, per: 10, name: "t" }));
    expect(() => harness.send([new Row(), new Row()])).toThrow(/E_STATE_CODEC: state of "t" holds an instance of Row/);
  });

  it("drop mode remembers over a restart what passed", () => {
    const harness = new StageHarness(throttle({ elements: 2, per: 10, overflow: "drop", name: "t" }));
    harness.send([1]).set(5).send([2]).restart().send([3]).set(10).send([4, 5]);
    expect([harness.take(), harness.counters.skipped]).toEqual([[1, 2, 4], 2]);
    expect(harness.stage.read?.("")).toEqual([
      [5, 1],
      [10, 1],
    ]);
  });
});
