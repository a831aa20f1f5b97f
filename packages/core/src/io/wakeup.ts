import type { Clock } from "../connector.js";

/** Lets one reader or writer wait until something happened elsewhere. It asks its conditions before each wait, so no call is lost. */
export class Wakeup {
  #resolve: (() => void) | undefined;

  /** Resolves at the next wake(). */
  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** Resolves at the next wake(), at the latest when the clock reads `atMs`. */
  async waitUntil(clock: Clock, atMs: number): Promise<void> {
    const waiting = this.wait();
    const cancel = clock.schedule(atMs, () => this.wake());
    await waiting;
    cancel();
  }

  wake(): void {
    const resolve = this.#resolve;
    this.#resolve = undefined;
    resolve?.();
  }
}
