import type { Clock } from "../connector.js";

/** A clock that never runs backwards, and never below what a checkpoint has saved: for processing time. */
export function steadyClock(clock: Clock): Clock & { floor(ms: number): void } {
  let latest = Number.NEGATIVE_INFINITY;
  const steady = {
    now(): number {
      const now = clock.now();
      if (now > latest) latest = now;
      return latest;
    },
    schedule: (atMs: number, fn: () => void): (() => void) => clock.schedule(atMs, fn),
    floor(ms: number): void {
      if (ms > latest) latest = ms;
    },
    virtual: clock.virtual === true,
  };
  return steady;
}
