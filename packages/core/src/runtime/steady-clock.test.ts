import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ManualClock } from "../../test/stage-harness.js";
import type { Clock } from "../connector.js";
import { steadyClock } from "./steady-clock.js";

/** A clock that somebody sets, also back. */
class SetClock implements Clock {
  at = 1_000_000;
  now(): number {
    return this.at;
  }
  schedule(): () => void {
    return () => {};
  }
}

describe("a steady clock", () => {
  it("is the clock below while that goes forward", () => {
    fc.assert(
      fc.property(fc.array(fc.nat()), (steps) => {
        const below = new SetClock();
        const steady = steadyClock(below);
        for (const step of steps) {
          below.at += step / 4;
          expect(steady.now()).toBe(below.at);
        }
      }),
    );
  });

  it("never goes back, however the clock below is set, and meets it again", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -100_000, max: 100_000 })), fc.nat(200_000), (steps, floor) => {
        const below = new SetClock();
        const steady = steadyClock(below);
        steady.floor(below.at + floor);
        let last = below.at + floor;
        for (const step of steps) {
          below.at += step;
          const now = steady.now();
          expect(now).toBeGreaterThanOrEqual(last);
          last = now;
        }
        below.at += 2 * Math.max(0, last - below.at) + 2;
        expect(steady.now()).toBe(below.at);
      }),
    );
  });

  it("fires timers while it is ahead, at half the speed", () => {
    const below = new ManualClock(1_000);
    const steady = steadyClock(below);
    steady.floor(5_000);
    expect(steady.now()).toBe(5_000);
    let firedAt = 0;
    steady.schedule(5_100, () => {
      firedAt = steady.now();
    });
    below.set(1_190);
    expect(firedAt).toBe(0);
    below.set(1_204);
    expect(firedAt).toBeGreaterThanOrEqual(5_100);
    expect(below.pending).toBe(0);
  });

  it("cancels a timer that was set again", () => {
    const below = new ManualClock(1_000);
    const steady = steadyClock(below);
    steady.floor(5_000);
    const cancel = steady.schedule(5_100, () => expect.unreachable());
    below.set(1_150);
    cancel();
    expect(below.pending).toBe(0);
    below.set(10_000);
  });
});
