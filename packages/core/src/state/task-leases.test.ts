import { hostname } from "node:os";
import { describe, expect, it } from "vitest";
import { virtualClock } from "../testing/virtual-clock.js";
import { type HeldLease, isLeaseOver, LEASE_LAPSE_MS, type LeaseHolder, TaskLeases } from "./task-leases.js";

const HOLDER: LeaseHolder = { released: false, host: "elsewhere", pid: 7, sinceMs: 0, renewedMs: 1_000 };

describe("isLeaseOver", () => {
  it("is so when it was given back, not renewed in time, or its process of this host is gone", () => {
    expect(isLeaseOver(HOLDER, 1_000 + LEASE_LAPSE_MS)).toBe(false);
    expect(isLeaseOver(HOLDER, 1_001 + LEASE_LAPSE_MS)).toBe(true);
    expect(isLeaseOver({ ...HOLDER, released: true }, 1_000)).toBe(true);
    const here = { ...HOLDER, host: hostname() };
    expect(isLeaseOver({ ...here, pid: process.pid }, 1_000)).toBe(false);
    expect(isLeaseOver({ ...here, pid: 2 ** 22 + 1 }, 1_000)).toBe(true);
    expect(isLeaseOver({ ...HOLDER, pid: 2 ** 22 + 1 }, 1_000)).toBe(false);
  });
});

class Lease implements HeldLease {
  released = 0;
  readonly number: number;
  readonly #fails: boolean;

  constructor(number: number, fails = false) {
    this.number = number;
    this.#fails = fails;
  }

  async commit(): Promise<void> {}

  async latestEpoch(): Promise<number> {
    return this.number;
  }

  async release(): Promise<void> {
    this.released++;
    if (this.#fails) throw new Error("not reached");
  }
}

describe("TaskLeases", () => {
  const ended = new AbortController();
  const fresh = () => {
    const clock = virtualClock(1_000);
    return { clock, leases: new TaskLeases<Lease>("a table", { clock, signal: new AbortController().signal }) };
  };

  it("names who holds a task, or waits by the clock until it can be had", async () => {
    const { clock, leases } = fresh();
    await expect(leases.take("t", undefined, async () => ({ heldBy: HOLDER }))).rejects.toMatchObject({
      code: "E_LEASE_HELD",
      message: expect.stringMatching(/task "t" in a table is run by process 7 on elsewhere since 1970-01-01T00:00:00/),
    });
    const tries: number[] = [];
    const taken = leases.take("t", { wait: true }, async () => {
      tries.push(clock.now());
      // Of the third somebody else was faster.
      if (tries.length === 3) return undefined;
      return tries.length < 4 ? { heldBy: HOLDER } : { lease: new Lease(4), latest: undefined };
    });
    await clock.advance("1s");
    expect(await taken).toEqual({ number: 4, latest: undefined });
    expect(tries).toEqual([1_000, 1_250, 1_500, 1_500]);
    expect(clock.pending).toBe(0);
  });

  it("gives up when its signal ends, without leaving a timer", async () => {
    const { clock, leases } = fresh();
    const taken = leases.take("t", { wait: true, signal: ended.signal }, async () => ({ heldBy: HOLDER }));
    while (clock.pending === 0) await Promise.resolve();
    ended.abort(new Error("over"));
    await expect(taken).rejects.toMatchObject({ code: "E_ABORTED" });
    expect(clock.pending).toBe(0);
  });

  it("knows its own by number, and gives each back once, whatever fails", async () => {
    const { leases } = fresh();
    const [first, second, third] = [new Lease(1, true), new Lease(2), new Lease(3)];
    for (const [task, lease] of [
      ["a", first],
      ["b", second],
      ["c", third],
    ] as const)
      await leases.take(task, undefined, async () => ({ lease, latest: undefined }));
    expect(leases.held("b", 2)).toBe(second);
    for (const [task, number] of [
      ["b", 1],
      ["d", 1],
    ] as const)
      expect(() => leases.held(task, number)).toThrow(expect.objectContaining({ code: "E_FENCED" }));
    await leases.release("b", 1);
    expect(second.released).toBe(0);
    await leases.release("b", 2);
    await leases.release("b", 2);
    expect(() => leases.held("b", 2)).toThrow(expect.objectContaining({ code: "E_FENCED" }));
    await leases.close();
    await leases.close();
    expect([first, second, third].map(({ released }) => released)).toEqual([1, 1, 1]);
  });
});
