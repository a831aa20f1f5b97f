const INTERRUPTED = 130;

/** Ctrl-C: the first one asks for an orderly end, the second one ends at once. */
export class Interrupts {
  readonly #controller = new AbortController();
  readonly #onSignal = (): void => {
    if (this.#controller.signal.aborted) process.exit(INTERRUPTED);
    this.#controller.abort();
  };

  constructor() {
    for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, this.#onSignal);
  }

  /** Ends with the first Ctrl-C. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  close(): void {
    for (const name of ["SIGINT", "SIGTERM"] as const) process.off(name, this.#onSignal);
  }
}

/** The exit code of whoever was interrupted. */
export const INTERRUPTED_CODE: number = INTERRUPTED;
