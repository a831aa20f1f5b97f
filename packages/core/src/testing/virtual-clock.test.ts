import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { virtualClock } from "./virtual-clock.js";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("virtualClock", () => {
  it("stands still until it is moved", async () => {
    const clock = virtualClock(500);
    expect([clock.virtual, clock.now()]).toEqual([true, 500]);
    await turn();
    expect(clock.now()).toBe(500);
    await clock.advance("2s");
    expect(clock.now()).toBe(2_500);
    await clock.set(3_000);
    expect(clock.now()).toBe(3_000);
  });

  it("fires timers in the order of their times, equal times in the order they were set", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 8 }), { maxLength: 12 }),
        fc.integer({ min: 0, max: 9 }),
        async (times, by) => {
          const clock = virtualClock();
          const fired: (readonly [time: number, place: number])[] = [];
          for (const [place, time] of times.entries()) {
            clock.schedule(time, () => {
              expect(clock.now()).toBe(time);
              fired.push([time, place]);
            });
          }
          await clock.advance(by);
          const due = times.map((time, place) => [time, place] as const).filter(([time]) => time <= by);
          expect(fired).toEqual(due.sort(([a, i], [b, j]) => a - b || i - j));
          expect([clock.now(), clock.pending]).toEqual([by, times.length - due.length]);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("lets each timer's effects settle before the next one, of the same time too", async () => {
    const clock = virtualClock();
    const seen: string[] = [];
    const effect = async (name: string): Promise<void> => {
      await turn();
      await Promise.resolve();
      await turn();
      seen.push(name);
    };
    clock.schedule(10, () => void effect("first"));
    clock.schedule(10, () => seen.push("second"));
    clock.schedule(11, () => seen.push("third"));
    await clock.advance(20);
    expect(seen).toEqual(["first", "second", "third"]);
  });

  it("fires timers that were set while it moves, when they are due before its end", async () => {
    const clock = virtualClock();
    const ticks: number[] = [];
    const tick = (): void => {
      ticks.push(clock.now());
      clock.schedule(clock.now() + 100, tick);
    };
    clock.schedule(100, tick);
    await clock.advance(350);
    expect(ticks).toEqual([100, 200, 300]);
    await clock.advance(50);
    expect(ticks).toEqual([100, 200, 300, 400]);
  });

  it("fires a timer that is due when it is set without being moved", async () => {
    const clock = virtualClock(50);
    const fired: string[] = [];
    clock.schedule(50, () => fired.push("now"));
    clock.schedule(20, () => {
      fired.push("before");
      clock.schedule(0, () => fired.push("nested"));
    });
    clock.schedule(51, () => fired.push("later"));
    expect(fired).toEqual([]);
    for (let i = 0; i < 4; i++) await turn();
    expect(fired).toEqual(["before", "nested", "now"]);
    expect(clock.now()).toBe(50);
  });

  it("never fires a cancelled timer, and cancelling twice or too late changes nothing", async () => {
    const clock = virtualClock();
    let fired = 0;
    const cancel = clock.schedule(10, () => fired++);
    const keep = clock.schedule(10, () => fired++);
    expect(clock.pending).toBe(2);
    cancel();
    cancel();
    expect(clock.pending).toBe(1);
    await clock.advance(10);
    keep();
    expect([fired, clock.pending]).toEqual([1, 0]);
  });

  it("waits for whoever says that it is busy, before time moves on", async () => {
    const clock = virtualClock();
    let work = 20;
    const remove = clock.onSettle(() => work > 0);
    const step = (): void => {
      expect(clock.now()).toBe(0);
      if (--work > 0) setImmediate(step);
    };
    setImmediate(step);
    await clock.advance(5);
    expect(work).toBe(0);
    remove();
    work = 1;
    await clock.settle();
    expect(clock.now()).toBe(5);
  });

  it("takes overlapping calls one after another", async () => {
    const clock = virtualClock();
    const seen: number[] = [];
    clock.schedule(15, () => seen.push(clock.now()));
    const both = [clock.advance(10), clock.advance(10)];
    await both[0];
    expect(seen).toEqual([]);
    await both[1];
    expect([seen, clock.now()]).toEqual([[15], 20]);
  });

  it("fails the call in which a timer throws, and goes on after it", async () => {
    const clock = virtualClock();
    let fired = 0;
    clock.schedule(10, () => {
      throw new Error("broken timer");
    });
    clock.schedule(10, () => fired++);
    await expect(clock.advance(20)).rejects.toThrow("broken timer");
    await clock.advance(20);
    expect([fired, clock.pending]).toEqual([1, 0]);
  });

  it("gives up on what is busy for ever, and says so", async () => {
    const clock = virtualClock();
    let realMs = 0;
    const spy = vi.spyOn(performance, "now").mockImplementation(() => (realMs += 1_000));
    const remove = clock.onSettle(() => true);
    try {
      await expect(clock.advance(1)).rejects.toThrow(/E_STALLED.*endless source/);
      remove();
      await clock.advance(1);
      expect(clock.now()).toBe(1);
    } finally {
      spy.mockRestore();
    }
  });

  it("refuses what is no time", async () => {
    const clock = virtualClock(100);
    await expect(clock.set(99)).rejects.toThrow(/E_ARGUMENT.*does not go back/);
    expect(() => clock.set(Number.POSITIVE_INFINITY)).toThrow(/E_ARGUMENT/);
    expect(() => clock.advance(-1)).toThrow(/E_DURATION/);
    expect(() => clock.schedule(Number.NaN, () => {})).toThrow(/E_ARGUMENT/);
    expect(() => virtualClock(Number.NaN)).toThrow(/E_ARGUMENT/);
  });

  it("keeps a timer that is never due without waiting for it", async () => {
    const clock = virtualClock();
    clock.schedule(Number.POSITIVE_INFINITY, () => {});
    await clock.advance("1d");
    expect(clock.pending).toBe(1);
  });
});
