import { setTimeout as sleep } from "node:timers/promises";

export interface Bounds {
  /** True: all is as it should be. */
  readonly work: () => Promise<boolean>;
  readonly limitMs: number;
  /** Where it is and what waits for what, in words. */
  readonly waitsFor: () => readonly string[];
  /** Called once, whatever happened. */
  readonly cleanUp: () => Promise<void>;
  readonly say: (line: string) => void;
}

const CLEAN_UP_MS = 60_000;
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** Ends the process, with 0 where the work says that all is well: at the end of the work, at a signal, or at the limit, which says what was waited for. Nothing is left behind. */
export async function runBounded({ work, limitMs, waitsFor, cleanUp, say }: Bounds): Promise<never> {
  const waiting = (): void => {
    for (const line of waitsFor()) say(`  ${line}`);
  };
  let over = false;
  const code = await new Promise<number>((resolve) => {
    const failed = (error: unknown): void => {
      // What fails because the servers are being stopped is no news.
      if (over) return;
      say(`failed: ${error instanceof Error ? (error.stack ?? error.message) : error}`);
      waiting();
      resolve(1);
    };
    process.on("uncaughtException", failed);
    for (const [signal, exitCode] of Object.entries(SIGNALS))
      process.on(signal, () => {
        say(`${signal}: stops the servers`);
        resolve(exitCode);
      });
    setTimeout(() => {
      say(`gave up after ${limitMs / 60_000} minutes`);
      waiting();
      resolve(1);
    }, limitMs);
    work().then((well) => resolve(well ? 0 : 1), failed);
  });
  over = true;
  const cleaned = await Promise.race([cleanUp().then(() => true), sleep(CLEAN_UP_MS, false)]).catch((error: Error) => {
    say(`could not clean up: ${error.message}`);
    return false;
  });
  say(cleaned ? "servers are stopped, their data is gone" : "servers or data of them may be left");
  process.exit(code === 0 && !cleaned ? 1 : code);
}
