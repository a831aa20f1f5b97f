import type { Clock } from "../connector.js";

/** Processing time: never runs backwards, and begins at `floor()` at least. */
export interface SteadyClock extends Clock {
  /** What a checkpoint has saved: time does not go back behind it. */
  floor(ms: number): void;
}

/**
 * A clock that never runs backwards, also over restarts. While it is ahead of the clock below (that one was set back, or the checkpoint is
 * of a computer whose clock is ahead) it goes at half that one's speed, so timers still fire and both meet again.
 */
export function steadyClock(clock: Clock): SteadyClock {
  /** A moment of the clock below and what was read then. */
  let base = Number.NEGATIVE_INFINITY;
  let read = Number.NEGATIVE_INFINITY;

  const now = (): number => {
    const below = clock.now();
    const gone = base === Number.NEGATIVE_INFINITY ? 0 : Math.max(0, below - base);
    base = below;
    read = Math.max(below, read + gone / 2);
    return read === below ? below : Math.floor(read);
  };
  const schedule = (atMs: number, fn: () => void): (() => void) => {
    let cancel = (): void => {};
    const arm = (): void => {
      const ahead = now() - clock.now();
      cancel = clock.schedule(ahead > 0 ? atMs - ahead : atMs, () => (now() >= atMs ? fn() : arm()));
    };
    arm();
    return () => cancel();
  };
  return {
    now,
    schedule,
    floor(ms) {
      now();
      if (ms > read) read = ms;
    },
    virtual: clock.virtual === true,
  };
}
