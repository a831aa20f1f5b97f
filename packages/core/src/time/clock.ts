import type { Clock } from "../connector.js";

/** setTimeout takes at most this many milliseconds; longer waits are taken in steps. */
const MAX_TIMEOUT_MS = 2_147_483_647;

/**
 * The computer's clock. Its timers keep the process alive until they fire or are cancelled. A timer waits as long as it was to when it was
 * set: when the clock is set back meanwhile it does not wait for the same time twice, so it may fire before the clock reads its time.
 */
export const systemClock: Clock = {
  now: () => Date.now(),
  schedule(atMs, fn) {
    // The steady clock decides; the other one only says how long it is.
    const dueMs = performance.now() + Math.max(0, atMs - Date.now());
    let timer: NodeJS.Timeout;
    const arm = (): void => {
      const remaining = Math.max(0, Math.ceil(dueMs - performance.now()));
      timer = setTimeout(() => (performance.now() >= dueMs ? fn() : arm()), Math.min(remaining, MAX_TIMEOUT_MS));
    };
    arm();
    return () => clearTimeout(timer);
  },
};
