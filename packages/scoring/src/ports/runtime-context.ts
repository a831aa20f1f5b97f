import type { RuntimeContext } from "@millrace/core";

/** What connectors are told where no topology runs: the system's clock and randomness, and nobody who listens to the log. */
export function runtimeContext(topology: string): RuntimeContext {
  const quiet = (): void => {};
  return {
    topology,
    signal: new AbortController().signal,
    clock: {
      now: Date.now,
      schedule: (atMs, fn) => {
        const timer = setTimeout(fn, Math.max(0, atMs - Date.now()));
        return () => clearTimeout(timer);
      },
    },
    random: Math.random,
    logger: { debug: quiet, info: quiet, warn: quiet, error: quiet },
  };
}
