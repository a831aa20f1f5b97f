import type { Clock } from "../connector.js";

/**
 * Calls to the world outside, such as a disk, during which a virtual clock stands still: a test that moves time on does not outrun
 * them. A real clock does not mind.
 */
export class OutsideWork {
  #pending = 0;
  readonly #unregister: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#unregister = clock.onSettle?.(() => this.#pending > 0);
  }

  async run<R>(call: () => Promise<R>): Promise<R> {
    this.#pending++;
    try {
      return await call();
    } finally {
      this.#pending--;
    }
  }

  /** No more calls will come. */
  end(): void {
    this.#unregister?.();
  }
}
