import type { Clock } from "../connector.js";

/** setTimeout takes at most this many milliseconds; longer waits are taken in steps. */
const MAX_TIMEOUT_MS = 2_147_483_647;

/** The computer's clock. Its timers keep the process alive until they fire or are cancelled. */
export const systemClock: Clock = {
  now: () => Date.now(),
  schedule(atMs, fn) {
    let timer: NodeJS.Timeout;
    const arm = (): void => {
      const remaining = atMs - Date.now();
      if (remaining > MAX_TIMEOUT_MS) timer = setTimeout(arm, MAX_TIMEOUT_MS);
      else timer = setTimeout(() => (Date.now() >= atMs ? fn() : arm()), Math.max(0, Math.ceil(remaining)));
    };
    arm();
    return () => clearTimeout(timer);
  },
};
