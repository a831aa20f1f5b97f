import type { Clock, Logger } from "@millrace/core";

/** What a call outside of a run is given: silence, and the computer's clock. */
export interface World {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: () => number;
}

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const clock: Clock = {
  now: () => Date.now(),
  schedule: (atMs, fn) => {
    const timer = setTimeout(fn, Math.max(0, atMs - Date.now()));
    return () => clearTimeout(timer);
  },
};

export function worldOf(given: Partial<World> | undefined): World {
  return { logger: silent, clock, random: Math.random, ...given };
}
