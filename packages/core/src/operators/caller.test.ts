import { describe, expect, it } from "vitest";
import { StageHarness } from "../../test/stage-harness.js";
import { WriteError } from "../connector.js";
import { type CallContext, planRetry, type RetryPolicy } from "../policy.js";
import type { StageContext } from "../stage.js";
import { Caller } from "./caller.js";

interface Pending {
  readonly input: string;
  readonly call: CallContext;
  resolve(value: string): void;
  reject(error: unknown): void;
}

/** A caller whose function settles when the test says so. */
function setUp(
  options: {
    timeoutMs?: number;
    retry?: RetryPolicy;
    invoke?: (input: string, call: CallContext) => PromiseLike<string>;
  } = {},
) {
  const calls: Pending[] = [];
  const log: string[] = [];
  let context: StageContext | undefined;
  const harness = new StageHarness({
    kind: "probe",
    make: (given) => {
      context = given;
      return { onBatch: () => {} };
    },
  });
  const pending = (input: string, call: CallContext): Promise<string> =>
    new Promise((resolve, reject) => {
      calls.push({ input, call, resolve, reject });
    });
  const caller = new Caller<string, string, string>(context as StageContext, {
    what: "a call of probe",
    invoke: options.invoke ?? pending,
    done: (ticket, place, result) => log.push(`${ticket}${place}=${result}`),
    failed: (ticket, place, error, attempts) =>
      log.push(`${ticket}${place}!${error instanceof Error ? error.message : String(error)} after ${attempts}`),
    timeoutMs: options.timeoutMs,
    retry: planRetry(options.retry, "probe", 1),
  });
  const callAt = (place: number): CallContext => (calls[place] as Pending).call;
  return { calls, callAt, log, caller, harness, clock: harness.clock };
}

describe("Caller", () => {
  it("tells of results and failures with the ticket they are for", async () => {
    const { caller, calls, log, harness } = setUp();
    caller.start("x", "a", 1);
    caller.start("y", "b", 2);
    expect(caller.inFlight).toBe(2);
    calls[1]?.resolve("Y");
    calls[0]?.reject(new Error("no"));
    await harness.settle();
    expect([log, caller.inFlight, calls.map(({ call }) => call.attempt)]).toEqual([
      ["b2=Y", "a1!no after 1"],
      0,
      [1, 1],
    ]);
  });

  it("takes values that are no promises, other thenables, and what is thrown at once", async () => {
    const thenable = (value: string): PromiseLike<string> => ({
      // biome-ignore lint/suspicious/noThenProperty: a thenable that is no Promise is what is tested
      then: (resolve) => {
        resolve?.(value);
        resolve?.("twice");
        return thenable(value) as never;
      },
    });
    const { caller, log, harness } = setUp({
      invoke: (input) => {
        if (input === "throw") throw new Error("at once");
        return input === "plain" ? (input as unknown as PromiseLike<string>) : thenable(input);
      },
    });
    for (const input of ["plain", "throw", "other"]) caller.start(input, input, 0);
    expect(log).toEqual(["plain0=plain", "throw0!at once after 1"]);
    await harness.settle();
    expect(log[2]).toBe("other0=other");
  });

  it("fails a call that takes too long, aborts its signal, and ignores what comes later", async () => {
    const { caller, calls, log, harness, clock, callAt } = setUp({ timeoutMs: 10 });
    caller.start("x", "a", 0);
    const { signal } = callAt(0);
    clock.set(9);
    expect([log, signal.aborted]).toEqual([[], false]);
    clock.set(10);
    expect(log).toEqual(["a0!E_TIMEOUT: a call of probe took longer than 10 ms after 1"]);
    expect([signal.aborted, (signal.reason as Error).message]).toEqual([
      true,
      "E_TIMEOUT: a call of probe took longer than 10 ms",
    ]);
    caller.start("y", "b", 0);
    calls[0]?.resolve("late");
    await harness.settle();
    expect(log).toHaveLength(1);
    calls[1]?.resolve("Y");
    await harness.settle();
    expect(log[1]).toBe("b0=Y");
  });

  it("gives each call its own time, with one timer for all", async () => {
    const { caller, calls, log, harness, clock } = setUp({ timeoutMs: 10 });
    for (let i = 0; i < 4; i++) {
      clock.set(i);
      caller.start("x", "a", i);
    }
    expect(clock.pending).toBe(1);
    calls[0]?.resolve("X");
    calls[2]?.resolve("X");
    await harness.settle();
    clock.set(11);
    expect(log).toEqual(["a0=X", "a2=X", "a1!E_TIMEOUT: a call of probe took longer than 10 ms after 1"]);
    clock.set(13);
    expect([log.length, clock.pending]).toEqual([4, 0]);
    caller.start("x", "b", 0);
    clock.set(23);
    expect(log).toHaveLength(5);
  });

  it("clears away the deadlines of calls that are over", async () => {
    const { caller, log, harness, clock } = setUp({
      timeoutMs: 10,
      invoke: () => "now" as unknown as PromiseLike<string>,
    });
    for (let i = 0; i < 5_000; i++) caller.start("x", "a", i);
    await harness.settle();
    clock.set(100);
    expect([log.length, clock.pending]).toEqual([5_000, 0]);
  });

  it("makes no signal before somebody looks at it, and then one that tells the truth", async () => {
    const { caller, clock, callAt } = setUp({ timeoutMs: 10 });
    caller.start("x", "a", 0);
    clock.set(10);
    const { signal } = callAt(0);
    expect([signal.aborted, signal === callAt(0).signal]).toEqual([true, true]);
  });

  it("repeats with growing pauses, up to the attempts, and tells how many there were", async () => {
    const { caller, calls, log, harness, clock } = setUp({ retry: { attempts: 3, delay: 100 } });
    caller.start("x", "a", 0);
    calls[0]?.reject(new Error("one"));
    await harness.settle();
    clock.set(49);
    expect(calls).toHaveLength(1);
    clock.set(50);
    expect([calls.length, calls[1]?.call.attempt]).toEqual([2, 2]);
    calls[1]?.reject(new Error("two"));
    await harness.settle();
    clock.set(149);
    expect(calls).toHaveLength(2);
    clock.set(150);
    calls[2]?.reject(new Error("three"));
    await harness.settle();
    expect(log).toEqual(["a0!three after 3"]);
  });

  it("repeats a call that took too long, each attempt with its own time", async () => {
    const { caller, calls, log, harness, clock } = setUp({ timeoutMs: 10, retry: { attempts: 2, delay: 2 } });
    caller.start("x", "a", 0);
    clock.set(10);
    calls[0]?.resolve("late");
    await harness.settle();
    clock.set(11);
    expect([calls.length, log]).toEqual([2, []]);
    clock.set(20);
    expect(log).toEqual([]);
    calls[1]?.resolve("X");
    await harness.settle();
    expect(log).toEqual(["a0=X"]);
  });

  it("does not repeat what another try can not cure, waits as long as it is asked to, and not beyond maxElapsed", async () => {
    const { caller, calls, log, harness, clock } = setUp({ retry: { attempts: 5, delay: 10, maxElapsed: 500 } });
    const fail = async (error: unknown): Promise<void> => {
      calls.at(-1)?.reject(error);
      await harness.settle();
    };
    for (const errorClass of ["poison", "fatal"] as const) {
      caller.start("x", errorClass, 0);
      await fail(new WriteError(errorClass, "E_X", "bad"));
    }
    expect(log).toEqual(["poison0!bad after 1", "fatal0!bad after 1"]);
    caller.start("x", "slow", 0);
    await fail(new WriteError("throttled", "E_X", "later", { retryAfterMs: 400 }));
    clock.set(399);
    expect(calls).toHaveLength(3);
    clock.set(400);
    expect(calls).toHaveLength(4);
    await fail(new WriteError("throttled", "E_X", "later", { retryAfterMs: 400 }));
    expect(log.at(-1)).toBe("slow0!later after 2");
  });

  it("tries again at once where the pause is nothing", async () => {
    let tries = 0;
    const { caller, log } = setUp({
      retry: { attempts: 3, delay: 0.1 },
      invoke: () => {
        if (++tries < 3) throw new Error("no");
        return "yes" as unknown as PromiseLike<string>;
      },
    });
    caller.start("x", "a", 0);
    expect([log, tries]).toEqual([["a0=yes"], 3]);
  });

  it("close aborts the signals, cancels timers, and tells nobody of anything any more", async () => {
    const { caller, calls, log, harness, clock, callAt } = setUp({ timeoutMs: 10, retry: { attempts: 2 } });
    caller.start("x", "a", 0);
    caller.start("y", "b", 0);
    caller.start("w", "d", 0);
    const { signal } = callAt(0);
    calls[1]?.reject(new Error("no"));
    await harness.settle();
    caller.close();
    caller.close();
    expect([signal.aborted, clock.pending]).toEqual([true, 0]);
    calls[0]?.resolve("X");
    calls[2]?.reject(new Error("too late"));
    caller.start("z", "c", 0);
    await harness.settle();
    expect([log, calls.length]).toEqual([[], 3]);
  });

  it("ends with the run", async () => {
    const { caller, calls, log, harness, callAt } = setUp();
    caller.start("x", "a", 0);
    const { signal } = callAt(0);
    harness.abort();
    expect([signal.aborted, (signal.reason as Error).message]).toEqual([true, "aborted"]);
    calls[0]?.resolve("X");
    await harness.settle();
    expect(log).toEqual([]);
  });
});
