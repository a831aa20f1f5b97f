import type { Key, Origin } from "../element.js";
import { Batch, type Emit, MAX_BATCH } from "../stage.js";
import { keyText } from "../state/codec.js";
import type { Timer } from "../time/timers.js";

/** What timers give: each output beside the timer's key and time, with an id made from operator, key, time and number. */
export class TimerOutputs<U> {
  readonly #operator: string;
  readonly #emit: Emit;
  #values: U[] = [];
  #times: number[] = [];
  #keys: Key[] = [];
  #origins: Origin[] = [];
  #wanted = true;

  constructor(operator: string, emit: Emit) {
    this.#operator = operator;
    this.#emit = emit;
  }

  push(results: readonly U[], { key, time, clock }: Timer): void {
    for (const [number, value] of results.entries()) {
      if (this.#values.length === MAX_BATCH) this.flush();
      this.#values.push(value);
      this.#times.push(time);
      this.#keys.push(key);
      this.#origins.push({
        source: this.#operator,
        partition: keyText(key),
        offset: clock === "event" ? time : `p${time}`,
        index: String(number),
      });
    }
  }

  flush(): void {
    if (this.#values.length === 0) return;
    const batch = new Batch(this.#values, this.#times, this.#keys, this.#origins, null, undefined);
    this.#values = [];
    this.#times = [];
    this.#keys = [];
    this.#origins = [];
    if (this.#wanted) this.#wanted = this.#emit(batch);
  }
}
