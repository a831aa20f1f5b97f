import { describe, expect, it } from "vitest";
import { type Actor, Scheduler } from "./scheduler.js";

function scheduler(options: Partial<ConstructorParameters<typeof Scheduler>[0]> = {}): Scheduler {
  return new Scheduler({
    virtual: false,
    failed: (error) => {
      throw error;
    },
    ...options,
  });
}

/** An actor that notes its turns and has so many pieces of work. */
function worker(log: string[], name: string, pieces: number): Actor {
  let left = pieces;
  return {
    queued: false,
    step() {
      log.push(name);
      return --left > 0;
    },
  };
}

async function untilIdle(of: Scheduler): Promise<void> {
  for (let i = 0; i < 1_000 && !of.idle; i++) await new Promise((resolve) => setImmediate(resolve));
  expect(of.idle).toBe(true);
}

describe("the scheduler", () => {
  it("gives the ready ones turns, one piece of work each", async () => {
    const log: string[] = [];
    const of = scheduler({ virtual: true });
    for (const name of ["a", "b", "c"]) of.ready(worker(log, name, 3));
    expect(log).toEqual([]);
    await untilIdle(of);
    expect(log.join("")).toBe("abcabcabc");
  });

  it("queues an actor once, however often it is woken", async () => {
    const log: string[] = [];
    const of = scheduler({ virtual: true });
    const actor = worker(log, "a", 1);
    of.ready(actor);
    of.ready(actor);
    await untilIdle(of);
    expect(log).toEqual(["a"]);
    of.ready(actor);
    await untilIdle(of);
    expect(log).toEqual(["a", "a"]);
  });

  it("lets a seed choose who is next", async () => {
    const log: string[] = [];
    const of = scheduler({ virtual: true, pick: (count) => count - 1 });
    for (const name of ["a", "b", "c"]) of.ready(worker(log, name, 2));
    await untilIdle(of);
    expect(log.join("")).toBe("ccbbaa");
  });

  it.each([true, false])("lets macrotasks in beside endless work (virtual: %s)", async (virtual) => {
    const of = scheduler({ virtual });
    let steps = 0;
    let timers = 0;
    const timer = setInterval(() => timers++, 1);
    of.ready({
      queued: false,
      step() {
        steps++;
        return timers < 20;
      },
    });
    await untilIdle(of).catch(() => {});
    while (timers < 20) await new Promise((resolve) => setImmediate(resolve));
    clearInterval(timer);
    expect(steps).toBeGreaterThan(20);
  });

  it("hands on what a step throws, and goes on with the others", async () => {
    const errors: unknown[] = [];
    const log: string[] = [];
    const of = scheduler({ virtual: true, failed: (error) => errors.push(error) });
    of.ready({
      queued: false,
      step() {
        throw new Error("broken");
      },
    });
    of.ready(worker(log, "a", 2));
    await untilIdle(of);
    expect([errors.map(String), log]).toEqual([["Error: broken"], ["a", "a"]]);
  });

  it("does nothing after close()", async () => {
    const log: string[] = [];
    const of = scheduler({ virtual: true });
    of.ready({
      queued: false,
      step() {
        of.close();
        return true;
      },
    });
    of.ready(worker(log, "a", 1));
    await untilIdle(of);
    of.ready(worker(log, "b", 1));
    await untilIdle(of);
    expect(log).toEqual([]);
  });
});
