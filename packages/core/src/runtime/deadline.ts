import type { Clock } from "../connector.js";
import { StreamError } from "../errors.js";

/** A limit on how long something may take, by the run's clock. */
export class Deadline {
  readonly #clock: Clock;
  readonly #ms: number;

  constructor(clock: Clock, ms: number) {
    this.#clock = clock;
    this.#ms = ms;
  }

  /** The same limit, counted from now. */
  renew(): Deadline {
    return new Deadline(this.#clock, this.#ms);
  }

  /** Rejects with E_TIMEOUT when `promise` takes longer. What it waits for goes on, but nobody listens. */
  race<T>(promise: Promise<T>, what: string): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const cancel = this.#clock.schedule(this.#clock.now() + this.#ms, () => reject(new StreamError("E_TIMEOUT", `waited ${this.#ms} ms for ${what}`)));
      promise.then(
        (value) => {
          cancel();
          resolve(value);
        },
        (error) => {
          cancel();
          reject(error);
        },
      );
    });
  }
}
