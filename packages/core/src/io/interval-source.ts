import type { Clock, Source, SourceBatch, SourceReader } from "../connector.js";
import { type Duration, durationMs } from "../duration.js";
import { MAX_BATCH } from "../stage.js";
import { SinglePartition } from "./single-partition.js";
import { Wakeup } from "./wakeup.js";

/**
 * Emits 0, 1, 2, … one every `every`, by the run's clock; the first after one interval. Each value has the time it was due as its
 * event time (`eventTime("source")`). A topology that was busy for several intervals gets the values it missed at once. Unbounded;
 * its position is the next number: a resumed run counts on, its first value one interval after the start.
 *
 * Throws `E_DURATION` for an interval that is not above zero. Give a second source of the same interval in one topology a name of
 * its own: `from(intervalSource("1s"), { name: "clock" })`.
 *
 * @example
 * ```ts
 * import { from, intervalSource } from "@millrace/core";
 * await from(intervalSource("1s")).take(3).collect(); // [0, 1, 2]
 * ```
 */
export function intervalSource(every: Duration): Source<number> {
  const everyMs = durationMs(every, "intervalSource: every");
  const name = `interval-${typeof every === "number" ? `${every}ms` : every}`;
  return {
    name,
    async connect({ clock }) {
      return new SinglePartition(name, (position) => new IntervalReader(everyMs, position ?? 0, clock));
    },
  };
}

class IntervalReader implements SourceReader<number> {
  readonly #everyMs: number;
  readonly #clock: Clock;
  readonly #wakeup = new Wakeup();
  /** When the value 0 would have been due, had the run begun with it. */
  readonly #zeroAtMs: number;
  #next: number;
  #saidCaughtUp = false;
  #closed = false;

  constructor(everyMs: number, next: number, clock: Clock) {
    this.#everyMs = everyMs;
    this.#next = next;
    this.#clock = clock;
    this.#zeroAtMs = clock.now() + everyMs - next * everyMs;
  }

  async read(): Promise<SourceBatch<number> | undefined> {
    while (!this.#closed) {
      if (this.#dueAt(this.#next) <= this.#clock.now()) return this.#take();
      if (!this.#saidCaughtUp) {
        this.#saidCaughtUp = true;
        return { values: [], position: String(this.#next), caughtUp: true };
      }
      await this.#wakeup.waitUntil(this.#clock, this.#dueAt(this.#next));
    }
    return undefined;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wakeup.wake();
  }

  #dueAt(value: number): number {
    return this.#zeroAtMs + value * this.#everyMs;
  }

  #take(): SourceBatch<number> {
    const now = this.#clock.now();
    const values: number[] = [];
    const times: number[] = [];
    while (values.length < MAX_BATCH && this.#dueAt(this.#next) <= now) {
      values.push(this.#next);
      times.push(this.#dueAt(this.#next));
      this.#next++;
    }
    this.#saidCaughtUp = this.#dueAt(this.#next) > now;
    return { values, offsets: values, times, position: String(this.#next), caughtUp: this.#saidCaughtUp };
  }
}
