import { describe, expect, it } from "vitest";
import { ManualClock } from "../../test/stage-harness.js";
import { withDeadline } from "./deadline.js";

describe("withDeadline()", () => {
  it("gives what the work gives, and leaves no timer and no listener", async () => {
    const clock = new ManualClock();
    const { signal } = new AbortController();
    expect(await withDeadline(async () => 7, { clock, ms: 10, what: "x", signal })).toBe(7);
    expect(await withDeadline(() => 8, { clock, ms: 10, what: "x" })).toBe(8);
    const failing = () => withDeadline(() => Promise.reject(new Error("no")), { clock, ms: 10, what: "x", signal });
    await expect(failing()).rejects.toThrow("no");
    const throwing = (): Promise<void> => {
      throw new Error("at once");
    };
    await expect(withDeadline(throwing, { clock, ms: 10, what: "x" })).rejects.toThrow("at once");
    expect(clock.pending).toBe(0);
  });

  it("rejects with E_TIMEOUT when the work takes longer, and says what it waited for", async () => {
    const clock = new ManualClock();
    const late = withDeadline(() => new Promise(() => {}), { clock, ms: 10, what: "the store" });
    clock.set(10);
    await expect(late).rejects.toThrow("E_TIMEOUT: waited 10 ms for the store");
  });

  it("rejects at once when the signal ends, before or while it waits, and leaves no timer", async () => {
    const clock = new ManualClock();
    const controller = new AbortController();
    const waits = withDeadline(() => new Promise(() => {}), { clock, ms: 10, what: "x", signal: controller.signal });
    controller.abort(new Error("over"));
    await expect(waits).rejects.toThrow("over");
    let begun = false;
    const work = () => {
      begun = true;
    };
    await expect(withDeadline(work, { clock, ms: 10, what: "x", signal: controller.signal })).rejects.toThrow("over");
    expect([begun, clock.pending]).toEqual([false, 0]);
  });
});
