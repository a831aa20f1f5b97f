import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ManualClock } from "../../test/stage-harness.js";
import { type SinkWriter, type WriteContext, WriteError, type WriteOutcome } from "../connector.js";
import { StreamError } from "../errors.js";
import { type ErrorClass, planRetry, type RetryPolicy } from "../policy.js";
import type { WriteGroup } from "./lane.js";
import { flushWriter, type Rejected, type WriteWorld, waitFor, writeGroup } from "./write-group.js";

type Write = SinkWriter<unknown>["write"];

function groupOf(values: readonly unknown[]): WriteGroup {
  const origins = values.map((_, i) => ({ source: "s", partition: "0", offset: i, index: "" }));
  return { values, keys: null, times: null, origins, firstSeen: 0 };
}

/** A writer in its world; the clock moves on by itself to whatever is waited for. */
function world(
  write: Write,
  options: {
    repeatable?: boolean;
    retry?: RetryPolicy;
    random?: () => number;
    flush?: SinkWriter<unknown>["flush"];
  } = {},
) {
  const clock = new ManualClock();
  const controller = new AbortController();
  const log = { rejected: [] as Rejected[], written: 0, waits: [] as number[] };
  const schedule = clock.schedule.bind(clock);
  clock.schedule = (at, fn) => {
    log.waits.push(at - clock.now());
    const cancel = schedule(at, fn);
    setImmediate(() => {
      if (!controller.signal.aborted) clock.set(Math.max(at, clock.now()));
    });
    return cancel;
  };
  const made: WriteWorld = {
    sink: "out",
    writer: { write, ...(options.flush === undefined ? {} : { flush: options.flush }), close: async () => {} },
    repeatable: options.repeatable ?? false,
    retry: planRetry(options.retry, "sink", 10),
    clock,
    random: options.random ?? (() => 1),
    signal: controller.signal,
    rejected: (rejected) => void log.rejected.push(rejected),
    written: (count) => {
      log.written += count;
    },
  };
  return { made, log, clock, controller };
}

/** Fails so many times with this, then writes. */
function failing(
  times: number,
  error: () => unknown,
): { write: Write; calls: (readonly unknown[])[]; attempts: number[] } {
  const calls: (readonly unknown[])[] = [];
  const attempts: number[] = [];
  return {
    calls,
    attempts,
    write: async (values, { attempt }) => {
      calls.push(values);
      attempts.push(attempt);
      if (calls.length <= times) throw error();
    },
  };
}

const of = (errorClass: ErrorClass, details: { atomic?: boolean; retryAfterMs?: number } = {}) =>
  new WriteError(errorClass, "E_X", "no", details);

describe("a write that fails", () => {
  it.each<[ErrorClass, boolean, boolean]>([
    ["transient", false, true],
    ["throttled", false, true],
    ["conflict", false, true],
    ["unknown-outcome", false, false],
    ["unknown-outcome", true, true],
    ["poison", false, false],
    ["fatal", false, false],
    ["fatal", true, false],
  ])("as %s (a second write changes nothing: %s) is tried again: %s", async (errorClass, repeatable, again) => {
    const { write, calls } = failing(2, () => of(errorClass));
    const { made, log } = world(write, { repeatable });
    await writeGroup(made, groupOf(["a"]));
    expect(calls).toHaveLength(again ? 3 : 1);
    expect(log.written).toBe(again ? 1 : 0);
    expect(log.rejected.map(({ error, attempts }) => [error.class, attempts])).toEqual(again ? [] : [[errorClass, 1]]);
  });

  it("with anything else counts as transient, with a StreamError as poison", async () => {
    const plain = failing(1, () => new Error("socket"));
    const { made, log } = world(plain.write);
    await writeGroup(made, groupOf(["a"]));
    expect([plain.calls.length, log.written]).toEqual([2, 1]);
    const stream = failing(1, () => new StreamError("E_STATE_CODEC", "no"));
    const second = world(stream.write);
    await writeGroup(second.made, groupOf(["a"]));
    expect(second.log.rejected).toMatchObject([{ error: { class: "poison", code: "E_STATE_CODEC" } }]);
  });

  it("waits longer each time, with jitter, up to the largest delay, as the clock goes", async () => {
    const { write, attempts } = failing(6, () => of("transient"));
    const { made, log } = world(write, { retry: { attempts: 7, delay: 100, maxDelay: "1s" }, random: () => 0.5 });
    await writeGroup(made, groupOf(["a"]));
    expect(log.waits).toEqual([50, 100, 200, 400, 500, 500]);
    expect(attempts).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it("waits at least as long as the sink asks for", async () => {
    const { write } = failing(1, () => of("throttled", { retryAfterMs: 4_000 }));
    const { made, log } = world(write);
    await writeGroup(made, groupOf(["a"]));
    expect(log.waits).toEqual([4_000]);
  });

  it("is given up after the last attempt, or when the time is over", async () => {
    const many = failing(99, () => of("transient"));
    const { made, log } = world(many.write, { retry: { attempts: 3 } });
    await writeGroup(made, groupOf(["a", "b"]));
    expect([many.calls.length, log.rejected.map(({ attempts, group }) => [attempts, group.values])]).toEqual([
      3,
      [[3, ["a", "b"]]],
    ]);
    const slow = failing(99, () => of("throttled", { retryAfterMs: 1_000 }));
    const second = world(slow.write, { retry: { attempts: 99, maxElapsed: "3s" } });
    await writeGroup(second.made, groupOf(["a"]));
    expect(slow.calls).toHaveLength(4);
  });

  it("and the run that ends: no outcome counts any more", async () => {
    const waiting = world(failing(1, () => of("throttled", { retryAfterMs: 1_000 })).write);
    const group = writeGroup(waiting.made, groupOf(["a"]));
    for (let i = 0; i < 10; i++) await Promise.resolve();
    expect(waiting.log.waits).toHaveLength(1);
    waiting.controller.abort(new Error("over"));
    await expect(group).rejects.toThrow("over");
    expect([waiting.log, waiting.clock.pending]).toMatchObject([{ rejected: [], written: 0 }, 0]);

    const late: { fail?: (error: unknown) => void } = {};
    const hanging = world(() => new Promise((_, reject) => Object.assign(late, { fail: reject })));
    const written = writeGroup(hanging.made, groupOf(["a"]));
    hanging.controller.abort(new Error("over"));
    late.fail?.(of("poison"));
    await expect(written).rejects.toBeInstanceOf(WriteError);
    expect(hanging.log.rejected).toEqual([]);
  });
});

describe("a batch refused as poison", () => {
  const refuse = (bad: readonly number[], atomic: boolean) => {
    const calls: (readonly unknown[])[] = [];
    const stored: unknown[] = [];
    const write: Write = async (values) => {
      calls.push(values);
      if (values.some((value) => bad.includes(value as number))) throw of("poison", { atomic });
      stored.push(...values);
    };
    return { calls, stored, write };
  };

  it("is halved, in order, where the sink is idempotent or refuses atomically", async () => {
    for (const [repeatable, atomic] of [
      [true, false],
      [false, true],
    ] as const) {
      const { write, stored, calls } = refuse([3], atomic);
      const { made, log } = world(write, { repeatable });
      await writeGroup(made, groupOf([0, 1, 2, 3, 4, 5]));
      expect(stored).toEqual([0, 1, 2, 4, 5]);
      expect(calls[1]).toEqual([0, 1, 2]);
      expect(log.rejected.map(({ group }) => [group.values, group.origins?.map((origin) => origin?.offset)])).toEqual([
        [[3], [3]],
      ]);
      expect(log.written).toBe(5);
    }
  });

  it("is given up as a whole where halves could write twice", async () => {
    const { write, stored } = refuse([3], false);
    const { made, log } = world(write);
    await writeGroup(made, groupOf([0, 1, 2, 3]));
    expect([stored, log.rejected.map(({ group }) => group.values)]).toEqual([[], [[0, 1, 2, 3]]]);
  });

  it("ends with exactly the bad values rejected and the others written in order, whichever they are", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.nat(40), { maxLength: 10 }),
        fc.integer({ min: 1, max: 40 }),
        async (bad, count) => {
          const { write, stored } = refuse(bad, true);
          const { made, log } = world(write);
          const values = Array.from({ length: count }, (_, i) => i);
          await writeGroup(made, groupOf(values));
          expect(stored).toEqual(values.filter((value) => !bad.includes(value)));
          expect(log.rejected.flatMap(({ group }) => group.values)).toEqual(
            values.filter((value) => bad.includes(value)),
          );
        },
      ),
    );
  });
});

describe("a writer that returns outcomes", () => {
  const fail = (errorClass: ErrorClass, retryAfterMs?: number): WriteOutcome => ({
    class: errorClass,
    code: "E_X",
    message: "no",
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });

  it("has only those tried again that may be, with what travels beside them", async () => {
    const seen: { values: readonly unknown[]; context: WriteContext }[] = [];
    const { made, log } = world(async (values, context) => {
      seen.push({ values, context });
      return context.attempt === 1
        ? ["written", fail("transient"), fail("poison"), fail("throttled", 900), fail("unknown-outcome")]
        : ["written", "written"];
    });
    await writeGroup(made, groupOf(["a", "b", "c", "d", "e"]));
    expect(seen.map(({ values }) => values)).toEqual([
      ["a", "b", "c", "d", "e"],
      ["b", "d"],
    ]);
    expect(seen[1]?.context.ids).toEqual(["s/0/1", "s/0/3"]);
    expect(log.rejected.map(({ group, error }) => [group.values, error.class])).toEqual([
      [["c"], "poison"],
      [["e"], "unknown-outcome"],
    ]);
    expect([log.waits, log.written]).toEqual([[900], 3]);
  });

  it("must return one for each value", async () => {
    const { made } = world(async () => ["written"]);
    await expect(writeGroup(made, groupOf(["a", "b"]))).rejects.toMatchObject({ code: "E_SINK_OUTCOMES" });
    await expect(writeGroup(made, groupOf(["a", "b"]))).rejects.toThrow(/"out" returned 1 outcomes for 2 values/);
  });

  it("that are all written, or none, need no second look", async () => {
    for (const outcomes of [["written", "written"] as const, undefined]) {
      const { made, log } = world(async () => outcomes);
      await writeGroup(made, groupOf(["a", "b"]));
      expect([log.written, log.rejected]).toEqual([2, []]);
    }
  });
});

describe("a flush", () => {
  it("is tried again like a write, and gives what the writer gives", async () => {
    let calls = 0;
    const flush = async (epoch: number) => {
      if (++calls < 3) throw of("transient");
      return { commit: epoch };
    };
    const { made, log } = world(async () => {}, { flush });
    expect(await flushWriter(made, 7)).toEqual({ commit: 7 });
    expect([calls, log.waits.length]).toEqual([3, 2]);
    expect(await flushWriter(world(async () => {}).made, 1)).toBeUndefined();
  });

  it("fails with what can not pass, after the last attempt, and at once when the run is over", async () => {
    const always = (errorClass: ErrorClass) =>
      world(async () => {}, { retry: { attempts: 2 }, flush: () => Promise.reject(of(errorClass)) });
    await expect(flushWriter(always("fatal").made, 1)).rejects.toMatchObject({ class: "fatal" });
    const passing = always("transient");
    await expect(flushWriter(passing.made, 1)).rejects.toMatchObject({ class: "transient" });
    expect(passing.log.waits).toHaveLength(1);
    const over = always("transient");
    over.controller.abort(new Error("over"));
    await expect(flushWriter(over.made, 1)).rejects.toBeInstanceOf(WriteError);
    expect(over.log.waits).toEqual([]);
  });
});

describe("waitFor()", () => {
  it("waits by the clock, ends with the signal, and leaves neither timer nor listener", async () => {
    const clock = new ManualClock();
    const controller = new AbortController();
    const first = waitFor(clock, 10, controller.signal);
    clock.set(10);
    await first;
    const second = waitFor(clock, 10, controller.signal);
    controller.abort(new Error("over"));
    await expect(second).rejects.toThrow("over");
    await expect(waitFor(clock, 10, controller.signal)).rejects.toThrow("over");
    expect(clock.pending).toBe(0);
  });
});
