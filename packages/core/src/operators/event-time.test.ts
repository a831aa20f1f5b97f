import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { batchOf, ManualClock, type Out, type Signal, StageHarness } from "../../test/stage-harness.js";
import type { PartitionStatus } from "../stage.js";
import { type EventTimeOptions, eventTime } from "./event-time.js";

const identity = (value: unknown): number => value as number;

function harness(options: EventTimeOptions = {}, onError: "fail" | "skip" = "fail", now = 0): StageHarness {
  return new StageHarness(eventTime(identity, { maxAhead: false, ...options }), {
    onError,
    clock: new ManualClock(now),
  });
}

function status(h: StageHarness, partition: string, what: PartitionStatus["status"]): void {
  h.stage.onPartition?.({ kind: "partition", partition, status: what }, () => true);
}

function send(h: StageHarness, partition: string, ...times: number[]): void {
  h.sendBatch(
    batchOf(
      times.map((value) => ({ value })),
      partition,
    ),
  );
}

/** `t` a value with this time, `t!w` one marked with w, `Ww` a watermark, `Ww idle`. */
function story(h: StageHarness): string[] {
  return h.drain().map((entry: Out | Signal) => {
    if ("watermark" in entry) return `W${entry.watermark}${entry.idle ? " idle" : ""}`;
    if ("status" in entry) throw new Error("a status was passed on");
    return entry.mark === undefined || Number.isNaN(entry.mark) ? `${entry.time}` : `${entry.time}!${entry.mark}`;
  });
}

describe("eventTime", () => {
  it("stamps values, and the watermark follows them: max − bound − 1", () => {
    const h = harness({ maxOutOfOrderness: 5 });
    send(h, "0", 10, 20);
    expect(story(h)).toEqual(["10", "20", "W14"]);
    send(h, "0", 17, 20);
    expect(story(h)).toEqual(["17", "20"]);
  });

  it("marks a value at or behind its partition's watermark just before it", () => {
    const h = harness({ maxOutOfOrderness: 5 });
    send(h, "0", 20, 16, 15, 14, -3, 30, 25, 24);
    expect(story(h)).toEqual(["20", "16", "15!14", "14!14", "-3!14", "30", "25!24", "24!24", "W24"]);
  });

  it("by default takes times that do not fall as in order", () => {
    const h = harness();
    send(h, "0", 1, 2, 4, 4);
    expect(story(h)).toEqual(["1", "2", "4", "4!3", "W3"]);
  });

  it("takes Dates and the source's times, in whole milliseconds", () => {
    const dates = new StageHarness(eventTime((value) => new Date(value as string), { maxAhead: false }));
    dates.send(["2024-02-29T12:00:00Z"]);
    expect(story(dates)).toEqual([`${Date.UTC(2024, 1, 29, 12)}`, `W${Date.UTC(2024, 1, 29, 12) - 1}`]);
    const source = new StageHarness(eventTime("source", { maxAhead: false }));
    source.send(["x"], { time: -1.5 });
    expect(story(source)).toEqual(["-2", "W-3"]);
    expect(eventTime("source").reads).toEqual({ times: true });
  });

  it("refuses what is no time: the value does not pass and time stands", () => {
    const h = harness({}, "skip");
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e300, undefined, null, "5"])
      h.send([bad]);
    expect(story(h)).toEqual([]);
    h.sendBatch(batchOf([{ value: 1 }, { value: Number.NaN }, { value: 3 }, { value: "x" }]));
    expect(story(h)).toEqual(["1", "3", "W2"]);
    expect(h.errors).toHaveLength(9);
    expect(String(h.errors[0]?.error)).toMatch(/E_TIME: NaN is no event time/);
    const noTimes = new StageHarness(eventTime("source"), { onError: "skip" });
    noTimes.send([1]);
    expect(String(noTimes.errors[0]?.error)).toMatch(/E_TIME.*gives no event times/);
  });

  it("refuses a time too far ahead of the clock, unless told not to or the clock is virtual", () => {
    const clock = new ManualClock(1_000);
    const h = new StageHarness(eventTime(identity, { maxAhead: 100 }), { onError: "skip", clock });
    h.send([1_100, 1_101, 1_050]);
    expect(story(h)).toEqual(["1100", "1050!1099", "W1099"]);
    expect(String(h.errors[0]?.error)).toMatch(/E_TIME.*1970-01-01T00:00:01.101Z is more than maxAhead \(100 ms\)/);
    const off = new StageHarness(eventTime(identity, { maxAhead: false }), { clock });
    off.send([1e15]);
    expect(story(off)).toEqual(["1000000000000000", "W999999999999999"]);
    const virtual = Object.assign(new ManualClock(0), { virtual: true });
    const simulated = new StageHarness(eventTime(identity), { clock: virtual });
    simulated.send([1e15]);
    expect(simulated.errors).toEqual([]);
  });

  it("merges partitions by minimum, an assigned one without values at −∞", () => {
    const h = harness();
    status(h, "a", "assigned");
    status(h, "b", "assigned");
    send(h, "a", 100);
    expect(story(h)).toEqual(["100"]);
    send(h, "b", 50);
    expect(story(h)).toEqual(["50", "W49"]);
    send(h, "a", 200);
    send(h, "b", 150);
    expect(story(h)).toEqual(["200", "150", "W149"]);
    status(h, "b", "ended");
    expect(story(h)).toEqual(["W199"]);
  });

  it("lets an idle partition leave the minimum, and a returning one does not move time back", () => {
    const h = harness({ idleTimeout: 60 });
    status(h, "a", "assigned");
    status(h, "b", "assigned");
    send(h, "b", 10);
    send(h, "a", 100);
    status(h, "b", "caughtUp");
    h.set(59);
    status(h, "b", "caughtUp");
    expect(story(h)).toEqual(["10", "100", "W9"]);
    h.set(60);
    expect(story(h)).toEqual(["W99"]);
    send(h, "b", 20, 8);
    expect(story(h)).toEqual(["20", "8!19"]);
    send(h, "a", 300);
    send(h, "b", 250);
    expect(story(h)).toEqual(["300", "250", "W249"]);
  });

  it("does not call a partition idle that never said it was read to its end", () => {
    const h = harness({ idleTimeout: 60 });
    status(h, "a", "assigned");
    status(h, "b", "assigned");
    send(h, "a", 100);
    h.set(1_000_000);
    expect(story(h)).toEqual(["100"]);
  });

  it("begins the idle time anew when a value came in between", () => {
    const h = harness({ idleTimeout: 60 });
    status(h, "a", "assigned");
    send(h, "a", 1);
    status(h, "a", "caughtUp");
    h.set(50);
    send(h, "a", 2);
    h.set(90);
    status(h, "a", "caughtUp");
    h.set(149);
    expect(story(h)).toEqual(["1", "W0", "2", "W1"]);
    h.set(150);
    expect(story(h)).toEqual(["W1 idle"]);
  });

  it("says that all are idle, and takes it back before the next value", () => {
    const h = harness({ idleTimeout: 10 });
    status(h, "a", "assigned");
    send(h, "a", 5);
    status(h, "a", "caughtUp");
    h.set(10);
    expect(story(h)).toEqual(["5", "W4", "W4 idle"]);
    send(h, "a", 7);
    expect(story(h)).toEqual(["W4", "7", "W6"]);
  });

  it("is not idle because all partitions have ended: what windows still hold comes with the end, and must not be late", () => {
    const h = harness({ idleTimeout: 10 });
    status(h, "a", "assigned");
    status(h, "b", "assigned");
    send(h, "a", 5);
    status(h, "b", "caughtUp");
    h.set(10);
    expect(story(h)).toEqual(["5", "W4"]);
    status(h, "a", "ended");
    expect(story(h)).toEqual(["W4 idle"]);
    send(h, "b", 7);
    expect(story(h)).toEqual(["W4", "7", "W6"]);
    status(h, "b", "ended");
    expect(story(h)).toEqual([]);
  });

  it("stays idle when an idle partition is assigned again, and is not when a new one is", () => {
    const h = harness({ idleTimeout: 10 });
    status(h, "a", "assigned");
    send(h, "a", 5);
    status(h, "a", "caughtUp");
    h.set(10);
    status(h, "a", "assigned");
    expect(story(h)).toEqual(["5", "W4", "W4 idle"]);
    status(h, "b", "assigned");
    expect(story(h)).toEqual(["W4"]);
  });

  it("when all were idle, follows the one that comes back, also if it was ahead of the merged watermark", () => {
    const h = harness({ idleTimeout: 10 });
    status(h, "a", "assigned");
    status(h, "b", "assigned");
    send(h, "a", 5);
    send(h, "b", 50);
    status(h, "a", "caughtUp");
    status(h, "b", "caughtUp");
    h.set(10);
    expect(story(h)).toEqual(["5", "50", "W4", "W4 idle"]);
    send(h, "b", 60);
    expect(story(h)).toEqual(["W4", "60", "W59"]);
  });

  it("moves on with the clock while nothing comes, if told to", () => {
    const h = harness({ advanceOnSilence: true, idleTimeout: 1_000 });
    status(h, "a", "assigned");
    send(h, "a", 5_000);
    h.set(400);
    expect(story(h)).toEqual(["5000", "W4999"]);
    status(h, "a", "caughtUp");
    h.set(700);
    expect(story(h)).toEqual(["W5199"]);
    h.set(2_000);
    expect(story(h).at(-1)).toBe("W6599");
    send(h, "a", 9_000);
    h.set(5_000);
    expect(story(h)).toEqual(["9000", "W8999"]);
  });

  it("goes on after a restart where it was: the watermark, and each partition's own", () => {
    const h = harness();
    status(h, "a", "assigned");
    status(h, "b", "assigned");
    send(h, "a", 100);
    send(h, "b", 50);
    h.checkpoint(false);
    h.restart();
    expect(story(h)).toEqual(["100", "50", "W49", "W49"]);
    status(h, "a", "assigned");
    status(h, "b", "assigned");
    send(h, "a", 90);
    send(h, "b", 49, 60);
    expect(story(h)).toEqual(["90!99", "49!49", "60", "W59"]);
  });

  it("saves only what moved", () => {
    const h = harness();
    send(h, "a", 1);
    send(h, "b", 1);
    expect(h.checkpoint().stored).toBe(3);
    send(h, "b", 2);
    expect([...(h.stage.snapshot?.() ?? [])]).toHaveLength(1);
  });

  it("says who holds event time", () => {
    const h = harness({ idleTimeout: 10 });
    status(h, "a", "assigned");
    status(h, "b", "assigned");
    send(h, "a", 100);
    expect(h.stage.waiting?.()).toBe('event time is held by partition "b", which has had no value yet');
    status(h, "b", "caughtUp");
    h.set(10);
    expect(h.stage.waiting?.()).toBe(
      'event time is held by partition "a", which is at 1970-01-01T00:00:00.099Z; idle: "b"',
    );
  });

  it("refuses options that can not be right", () => {
    expect(() => eventTime("sources" as "source")).toThrow(/E_ARGUMENT/);
    expect(() => eventTime(identity, { idleTimeout: 0 })).toThrow(/E_DURATION/);
    expect(() => eventTime(identity, { maxOutOfOrderness: -1 })).toThrow(/E_DURATION/);
  });

  it("gives the same times, marks and last watermark however values are cut and partitions are read in turns", () => {
    const perPartition = fc.array(fc.integer({ min: -20, max: 60 }), { minLength: 1, maxLength: 12 });
    const cuts = fc.array(
      fc.record({
        partition: fc.integer({ min: 0, max: 2 }),
        count: fc.integer({ min: 1, max: 5 }),
        restart: fc.boolean(),
      }),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(
        fc.array(perPartition, { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 0, max: 10 }),
        cuts,
        (input, bound, order) => {
          const h = harness({ maxOutOfOrderness: bound });
          const seen = input.map((): string[] => []);
          const next = input.map(() => 0);
          let last = Number.NEGATIVE_INFINITY;
          const assign = (): void =>
            input.forEach((_, p) => {
              status(h, String(p), "assigned");
            });
          const take = (p: number, count: number): void => {
            const from = next[p] as number;
            next[p] = Math.min((input[p] as number[]).length, from + count);
            if (from < (next[p] as number)) send(h, String(p), ...(input[p] as number[]).slice(from, next[p]));
            for (const entry of story(h)) {
              if (!entry.startsWith("W")) (seen[p] as string[]).push(entry);
              else {
                expect(Number(entry.slice(1))).toBeGreaterThanOrEqual(last);
                last = Number(entry.slice(1));
              }
            }
          };
          assign();
          for (const { partition, count, restart } of order) {
            if (partition < input.length) take(partition, count);
            if (!restart) continue;
            h.restart();
            assign();
          }
          input.forEach((_, p) => {
            take(p, 100);
          });
          let merged = Number.POSITIVE_INFINITY;
          for (const [p, times] of input.entries()) {
            let max = Number.NEGATIVE_INFINITY;
            const expected = times.map((t) => {
              const before = max - bound - 1;
              max = Math.max(max, t);
              return t <= before + 1 ? `${t}!${before}` : `${t}`;
            });
            expect(seen[p]).toEqual(expected);
            merged = Math.min(merged, max - bound - 1);
          }
          expect(last).toBe(merged);
        },
      ),
    );
  });
});
