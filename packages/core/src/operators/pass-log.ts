/** So many values passed at one time. */
export type Passes = [time: number, count: number];

/**
 * When the last values passed: at most `elements` pass in any interval of length `perMs` (its end not included). Values that pass at
 * the same time are one entry, so what is kept is bounded by the interval as well as by the number.
 */
export class PassLog {
  readonly #elements: number;
  readonly #perMs: number;
  #passes: Passes[] = [];
  #total = 0;

  constructor(elements: number, perMs: number, passes: readonly Passes[] = []) {
    this.#elements = elements;
    this.#perMs = perMs;
    for (const [time, count] of passes) this.add(time, count);
  }

  /** How many may pass at this time. */
  room(now: number): number {
    let old = 0;
    for (const [time, count] of this.#passes) {
      if (time + this.#perMs > now) break;
      this.#total -= count;
      old++;
    }
    if (old > 0) this.#passes.splice(0, old);
    return Math.max(0, this.#elements - this.#total);
  }

  /** So many pass at this time. */
  add(now: number, count: number): void {
    const last = this.#passes[this.#passes.length - 1];
    this.#total += count;
    if (last !== undefined && last[0] === now) last[1] += count;
    else this.#passes.push([now, count]);
  }

  /** When there is room for more again, once there is none. */
  get nextAt(): number {
    const first = this.#passes[0];
    return first === undefined ? Number.NEGATIVE_INFINITY : first[0] + this.#perMs;
  }

  /** What must be saved. */
  get passes(): readonly Passes[] {
    return this.#passes;
  }
}
