import type { Clock } from "../connector.js";
import { type Duration, durationOrZeroMs } from "../duration.js";
import { requireArgument, StreamError } from "../errors.js";
import { TimeHeap } from "../time/time-heap.js";

/** A clock that moves only when it is told to. */
export interface VirtualClock extends Clock {
  /** Tells it from a real clock: limits that compare event times with the present are off under it. */
  readonly virtual: true;
  /** How many timers are set. */
  readonly pending: number;
  /** When the earliest timer is due; Infinity where none is set. */
  readonly nextDue: number;
  /** Moves on by a duration. Resolves when all timers due by then have fired and everything they set off has settled. */
  advance(by: Duration): Promise<void>;
  /** Moves on to a time. Throws `E_ARGUMENT` when that is behind now(). */
  set(ms: number): Promise<void>;
  /** Resolves when everything has settled, without moving: see onSettle(). */
  settle(): Promise<void>;
  /** Registers who can say whether it still has something to do that needs no time to pass; returns a function that removes it. */
  onSettle(busy: () => boolean): () => void;
}

interface Timer {
  readonly order: number;
  readonly fn: () => void;
  cancelled: boolean;
}

/** Turns of the event loop in a row in which nobody was busy before all counts as settled: a chain of callbacks needs a turn a link. */
const QUIET_TURNS = 4;
/** By the computer's clock; what is still busy then would be for ever, such as an endless source. */
const MAX_SETTLE_MS = 30_000;

/**
 * A clock for tests: it starts at `startMs` and stands still until `advance()` or `set()`. Timers fire in the order of their times,
 * equal times in the order they were set; after each one everything it set off settles, so that what is due later in the same
 * advance() sees its effects and may set timers of its own. A timer that is due when it is set fires without the clock being moved, in a turn
 * of the event loop of its own. What a timer throws fails the advance(). Calls that overlap take effect one after another.
 *
 * Settled means: nobody registered by onSettle() is busy, for several turns of the event loop in a row. A run that does not settle
 * within 30 s of real time fails the call with `E_STALLED`.
 *
 * @example
 * ```ts
 * import { virtualClock } from "@millrace/core/testing";
 * const clock = virtualClock();
 * let fired = 0;
 * clock.schedule(1_000, () => fired++);
 * await clock.advance("1s"); // fired is 1, clock.now() is 1000
 * ```
 */
export function virtualClock(startMs = 0): VirtualClock {
  requireArgument(
    Number.isFinite(startMs),
    `virtualClock: startMs must be a finite number of milliseconds; it is ${startMs}`,
  );
  return new SteppedClock(startMs);
}

class SteppedClock implements VirtualClock {
  readonly virtual = true;
  readonly #timers = new TimeHeap<Timer>((left, right) => left.order - right.order);
  readonly #busy = new Set<() => boolean>();
  #now: number;
  #order = 0;
  #live = 0;
  #armed = false;
  #moving = false;
  #turn: Promise<void> = Promise.resolve();

  constructor(startMs: number) {
    this.#now = startMs;
  }

  get pending(): number {
    return this.#live;
  }

  get nextDue(): number {
    return this.#nextTime();
  }

  now(): number {
    return this.#now;
  }

  schedule(atMs: number, fn: () => void): () => void {
    requireArgument(!Number.isNaN(atMs), "schedule: the time is NaN");
    const timer: Timer = { order: this.#order++, fn, cancelled: false };
    this.#timers.push(atMs, timer);
    this.#live++;
    if (atMs <= this.#now) this.#fireDueSoon();
    return () => {
      if (timer.cancelled) return;
      timer.cancelled = true;
      this.#live--;
    };
  }

  advance(by: Duration): Promise<void> {
    const ms = durationOrZeroMs(by, "advance");
    return this.#inTurn(() => this.#moveTo(this.#now + ms));
  }

  set(ms: number): Promise<void> {
    requireArgument(Number.isFinite(ms), `set: the time must be a finite number of milliseconds; it is ${ms}`);
    return this.#inTurn(() => {
      requireArgument(ms >= this.#now, `set: time does not go back, from ${this.#now} to ${ms}`);
      return this.#moveTo(ms);
    });
  }

  settle(): Promise<void> {
    return this.#inTurn(() => this.#moveTo(this.#now));
  }

  onSettle(busy: () => boolean): () => void {
    this.#busy.add(busy);
    return () => this.#busy.delete(busy);
  }

  /** A call that failed does not fail those behind it. */
  #inTurn(move: () => Promise<void>): Promise<void> {
    const moved = this.#turn.then(move);
    this.#turn = moved.catch(() => {});
    return moved;
  }

  async #moveTo(target: number): Promise<void> {
    this.#moving = true;
    try {
      for (;;) {
        await this.#settle();
        const time = this.#nextTime();
        if (time <= target) {
          this.#now = Math.max(this.#now, time);
          this.#fireNext();
        } else if (this.#now === target) {
          return;
        } else {
          this.#now = target;
        }
      }
    } finally {
      this.#moving = false;
      if (this.#nextTime() <= this.#now) this.#fireDueSoon();
    }
  }

  /** The time of the earliest timer that was not cancelled. */
  #nextTime(): number {
    while (this.#timers.next?.cancelled === true) this.#timers.pop();
    return this.#timers.nextTime;
  }

  #fireNext(): void {
    const timer = this.#timers.pop() as Timer;
    timer.cancelled = true;
    this.#live--;
    timer.fn();
  }

  /** A move fires what is due itself, in between settling. */
  #fireDueSoon(): void {
    if (this.#armed || this.#moving) return;
    this.#armed = true;
    setImmediate(() => {
      this.#armed = false;
      if (this.#moving || this.#nextTime() > this.#now) return;
      try {
        this.#fireNext();
      } finally {
        this.#fireDueSoon();
      }
    });
  }

  async #settle(): Promise<void> {
    const giveUpAt = performance.now() + MAX_SETTLE_MS;
    for (let quiet = 0; quiet < QUIET_TURNS; ) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      quiet = this.#anyBusy() ? 0 : quiet + 1;
      if (quiet === 0 && performance.now() > giveUpAt)
        throw new StreamError(
          "E_STALLED",
          `the run did not come to rest within ${MAX_SETTLE_MS / 1_000} s at clock time ${this.#now}: an endless source needs take() or a throttle under a virtual clock`,
        );
    }
  }

  #anyBusy(): boolean {
    for (const busy of this.#busy) if (busy()) return true;
    return false;
  }
}
