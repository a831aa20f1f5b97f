import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "./clock.js";

describe("the computer's clock", () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 1_000_000, toFake: ["setTimeout", "clearTimeout", "Date", "performance"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("calls once when it reads the time, and not when that was cancelled", () => {
    const called: number[] = [];
    systemClock.schedule(1_000_100, () => called.push(systemClock.now()));
    const cancel = systemClock.schedule(1_000_050, () => called.push(-1));
    cancel();
    vi.advanceTimersByTime(99);
    expect(called).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(called).toEqual([1_000_100]);
    vi.advanceTimersByTime(10_000);
    expect(called).toHaveLength(1);
  });

  it("calls soon for a time that is over", () => {
    let called = 0;
    systemClock.schedule(5, () => called++);
    expect(called).toBe(0);
    vi.advanceTimersByTime(1);
    expect(called).toBe(1);
  });

  it("waits longer than a timer of Node can", () => {
    let called = 0;
    const year = 365 * 86_400_000;
    systemClock.schedule(1_000_000 + year, () => called++);
    vi.advanceTimersByTime(year - 1);
    expect(called).toBe(0);
    vi.advanceTimersByTime(1);
    expect(called).toBe(1);
    const cancel = systemClock.schedule(systemClock.now() + year, () => called++);
    vi.advanceTimersByTime(year / 2);
    cancel();
    vi.advanceTimersByTime(year);
    expect(called).toBe(1);
  });

  it("does not wait for the time again that it was set back by", () => {
    let called = 0;
    systemClock.schedule(1_000_100, () => called++);
    vi.advanceTimersByTime(50);
    vi.setSystemTime(1_000_050 - 3_600_000);
    vi.advanceTimersByTime(49);
    expect(called).toBe(0);
    vi.advanceTimersByTime(2);
    expect(called).toBe(1);
  });
});
