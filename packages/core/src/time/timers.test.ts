import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { StateChange } from "../stage.js";
import { type TimerClock, Timers } from "./timers.js";

type Entries = Map<string, readonly [Uint8Array, Uint8Array]>;

function apply(store: Entries, changes: Iterable<StateChange>): void {
  for (const [key, value] of changes) {
    const text = Buffer.from(key).toString("hex");
    if (value === undefined) store.delete(text);
    else store.set(text, [key, value]);
  }
}

function drain(timers: Timers, clock: TimerClock, now: number): [unknown, number][] {
  const taken: [unknown, number][] = [];
  for (let timer = timers.take(clock, now); timer !== undefined; timer = timers.take(clock, now))
    taken.push([timer.key, timer.time]);
  return taken;
}

describe("Timers", () => {
  it("is a set by key, clock and time", () => {
    const timers = new Timers();
    timers.set("a", 5, "event");
    timers.set("a", 5, "event");
    timers.set("a", 5, "processing");
    timers.set("5", 5, "event");
    timers.set(5, 5, "event");
    expect(timers.size).toBe(4);
    expect(drain(timers, "event", 5)).toEqual([
      [5, 5],
      ["5", 5],
      ["a", 5],
    ]);
    expect(drain(timers, "event", 100)).toEqual([]);
    expect(timers.nextTime("processing")).toBe(5);
  });

  it("hands timers out in time order, also those set while others are handed out", () => {
    const timers = new Timers();
    for (const time of [30, -10, 20]) timers.set("a", time, "event");
    const taken: number[] = [];
    for (let timer = timers.take("event", 25); timer !== undefined; timer = timers.take("event", 25)) {
      taken.push(timer.time);
      if (timer.time === -10) timers.set("b", 5, "event");
    }
    expect(taken).toEqual([-10, 5, 20]);
    expect(timers.nextTime("event")).toBe(30);
  });

  it("takes a timer back, and one that is not set without an error", () => {
    const timers = new Timers();
    timers.set("a", 1, "processing");
    timers.cancel("a", 1, "event");
    timers.cancel("a", 1, "processing");
    timers.cancel("a", 1, "processing");
    expect(timers.nextTime("processing")).toBe(Number.POSITIVE_INFINITY);
    expect(timers.size).toBe(0);
  });

  it("refuses a time that is not finite", () => {
    expect(() => new Timers().set("a", Number.NaN, "event")).toThrow(/E_ARGUMENT/);
    expect(() => new Timers().set("a", Number.POSITIVE_INFINITY, "event")).toThrow(/E_ARGUMENT/);
  });

  it("does not keep what was set and cancelled over and over", () => {
    const timers = new Timers();
    timers.set("keep", 1_000_000, "event");
    for (let i = 0; i < 10_000; i++) {
      timers.set("a", 500_000 + i, "event");
      timers.cancel("a", 500_000 + i, "event");
    }
    expect(timers.nextTime("event")).toBe(1_000_000);
    expect(timers.snapshot()).toHaveLength(1);
  });

  it("saves only what changed, and nothing of a timer that came and went in between", () => {
    const timers = new Timers();
    timers.set("a", 1, "event");
    expect(timers.snapshot()).toHaveLength(1);
    timers.committed();
    expect(timers.snapshot()).toHaveLength(0);
    timers.set("b", 2, "event");
    timers.cancel("b", 2, "event");
    expect(timers.snapshot()).toHaveLength(0);
    timers.cancel("a", 1, "event");
    timers.set("a", 1, "event");
    timers.cancel("a", 1, "event");
    expect(timers.snapshot().map(([, value]) => value)).toEqual([undefined]);
  });

  it("knows its entries among others", () => {
    const timers = new Timers();
    timers.set("a", 1, "event");
    expect(timers.snapshot().map(([key]) => Timers.owns(key))).toEqual([true]);
    expect(Timers.owns(new TextEncoder().encode("time"))).toBe(false);
  });

  const key = fc.constantFrom("a", "b|c", 1, 1n, true);
  const clock = fc.constantFrom<TimerClock>("event", "processing");
  const step = fc.oneof(
    fc.record({ op: fc.constant("set" as const), key, time: fc.integer({ min: -5, max: 20 }), clock }),
    fc.record({ op: fc.constant("cancel" as const), key, time: fc.integer({ min: -5, max: 20 }), clock }),
    fc.record({ op: fc.constant("take" as const), now: fc.integer({ min: -5, max: 20 }), clock }),
    fc.record({ op: fc.constantFrom("snapshot" as const, "commit" as const, "restart" as const) }),
  );

  it("is a sorted set, whatever is saved, abandoned and restored in between", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let timers = new Timers();
        const store: Entries = new Map();
        let model = new Set<string>();
        let committed = new Set<string>();
        let pending: { model: Set<string>; changes: StateChange[] } | undefined;
        for (const at of steps) {
          if (at.op === "set") {
            timers.set(at.key, at.time, at.clock);
            model.add(`${at.clock}/${at.time}/${typeof at.key}/${at.key}`);
          } else if (at.op === "cancel") {
            timers.cancel(at.key, at.time, at.clock);
            model.delete(`${at.clock}/${at.time}/${typeof at.key}/${at.key}`);
          } else if (at.op === "take") {
            const due = [...model].filter((id) => id.startsWith(at.clock) && Number(id.split("/")[1]) <= at.now);
            const taken = drain(timers, at.clock, at.now).map(([k, time]) => `${at.clock}/${time}/${typeof k}/${k}`);
            expect([...taken].sort()).toEqual(due.sort());
            const times = taken.map((id) => Number(id.split("/")[1]));
            expect(times).toEqual([...times].sort((left, right) => left - right));
            for (const id of due) model.delete(id);
          } else if (at.op === "snapshot") {
            pending = { model: new Set(model), changes: timers.snapshot() };
          } else if (at.op === "commit" && pending !== undefined) {
            apply(store, pending.changes);
            committed = pending.model;
            timers.committed();
            pending = undefined;
          } else if (at.op === "restart") {
            timers = new Timers();
            timers.restore(store.values());
            model = new Set(committed);
            pending = undefined;
          }
          expect(timers.size).toBe(model.size);
        }
      }),
    );
  });
});
