import { type Clock, WriteError } from "@millrace/core";

/** The world that in-memory ports live in: how long calls take, and how often they fail. */
export interface UnsteadyOptions {
  readonly clock: Clock;
  readonly random: () => number;
  /** A call takes up to so long (default 4 ms). */
  readonly maxLatencyMs?: number;
  /** The share of calls that fail, half of them after they were carried out (default 0). */
  readonly failures?: number;
}

const DEFAULT_LATENCY_MS = 4;

/** Carries calls out as a store behind a network would: later, sometimes not, and sometimes without saying so. */
export class Unsteady {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #maxLatencyMs: number;
  readonly #failures: number;
  /** How many calls failed. */
  failed = 0;

  constructor({ clock, random, maxLatencyMs = DEFAULT_LATENCY_MS, failures = 0 }: UnsteadyOptions) {
    this.#clock = clock;
    this.#random = random;
    this.#maxLatencyMs = maxLatencyMs;
    this.#failures = failures;
  }

  /** The result of `effect`, which happens at one moment between the call and its end. */
  async call<T>(effect: () => T): Promise<T> {
    await this.#pause();
    const fails = this.#random() < this.#failures;
    if (fails && this.#random() < 0.5) throw this.#failure("transient", "the store did not answer; nothing was done");
    const result = effect();
    await this.#pause();
    if (fails) throw this.#failure("unknown-outcome", "the connection broke before the answer");
    return result;
  }

  #failure(failure: "transient" | "unknown-outcome", message: string): WriteError {
    this.failed++;
    return new WriteError(failure, "E_MEMORY_STORE", message);
  }

  #pause(): Promise<void> {
    const ms = Math.floor(this.#random() * (this.#maxLatencyMs + 1));
    return ms === 0
      ? Promise.resolve()
      : new Promise((resolve) => void this.#clock.schedule(this.#clock.now() + ms, resolve));
  }
}
