import type { Key } from "../element.js";
import { requireArgument } from "../errors.js";
import type { StateChange } from "../stage.js";
import { ChangeLog } from "../state/change-log.js";
import { decodeKey, keyText } from "../state/codec.js";
import { TimeHeap } from "./time-heap.js";

/** By which clock a timer is due. */
export type TimerClock = "event" | "processing";

/** A call asked for by a key at a time. */
export interface Timer {
  readonly time: number;
  readonly key: Key;
  readonly clock: TimerClock;
}

interface Entry extends Timer {
  readonly id: string;
  /** In a snapshot, so that its end must be saved too. */
  saved: boolean;
  /** Cancelled: its place in the queue is passed over. */
  cancelled: boolean;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** Tells entries of timers from whatever else an operator saves. */
const PREFIX = "timer|";
/** What is known of a timer is in its entry's key. */
const VALUE = Uint8Array.of(1);
/** Fewer cancelled timers than this are not worth cleaning a queue for. */
const MIN_SWEEP = 1_024;

/**
 * Timers of keys by both clocks, as a set: one for each key, clock and time, so that setting it twice is setting it once. They are
 * due in ascending time, equal times in the order of their keys' text, which a restore does not change. Which ones were set or taken
 * since the last committed epoch is kept for the snapshot.
 */
export class Timers {
  readonly #live = new Map<string, Entry>();
  readonly #queues = { event: new TimeHeap<Entry>(byId), processing: new TimeHeap<Entry>(byId) };
  readonly #cancelled = { event: 0, processing: 0 };
  readonly #changes = new ChangeLog<string>();
  /** Saved timers that ended since the last snapshot: set and cancelled anew, their end must still be saved. */
  readonly #gone = new Set<string>();

  /** True for entries of restore() that are timers. */
  static owns(entryKey: Uint8Array): boolean {
    return decoder.decode(entryKey.subarray(0, PREFIX.length)) === PREFIX;
  }

  get size(): number {
    return this.#live.size;
  }

  /** Sets a timer. Throws `E_ARGUMENT` for a time that is not finite. */
  set(key: Key, time: number, clock: TimerClock): void {
    requireArgument(Number.isFinite(time), `a timer needs a finite time; it is ${time}`);
    const id = idOf(key, time, clock);
    if (this.#live.has(id)) return;
    this.#insert({ id, key, time, clock, saved: this.#gone.has(id), cancelled: false });
    this.#changes.touch(id);
  }

  /** Takes a timer back; one that is not set is no error. */
  cancel(key: Key, time: number, clock: TimerClock): void {
    const entry = this.#live.get(idOf(key, time, clock));
    if (entry === undefined) return;
    this.#remove(entry);
    entry.cancelled = true;
    this.#cancelled[clock]++;
    this.#sweep(clock);
  }

  /** The time of the earliest timer of a clock, +Infinity where there is none. */
  nextTime(clock: TimerClock): number {
    const queue = this.#queues[clock];
    while (queue.next?.cancelled === true) {
      queue.pop();
      this.#cancelled[clock]--;
    }
    return queue.nextTime;
  }

  /** Takes the earliest timer that is due at `now`, until there is none: timers set meanwhile take their place among the rest. */
  take(clock: TimerClock, now: number): Timer | undefined {
    if (this.nextTime(clock) > now) return undefined;
    const entry = this.#queues[clock].pop();
    if (entry !== undefined) this.#remove(entry);
    return entry;
  }

  /** The timers set and gone since the last committed epoch. */
  snapshot(): StateChange[] {
    this.#gone.clear();
    const changes: StateChange[] = [];
    for (const id of this.#changes.snapshot()) {
      const entry = this.#live.get(id);
      if (entry !== undefined) entry.saved = true;
      changes.push([encoder.encode(PREFIX + id), entry === undefined ? undefined : VALUE]);
    }
    return changes;
  }

  /** The last snapshot is durable. */
  committed(): void {
    this.#changes.committed();
  }

  /** Takes the entries that are timers. */
  restore(entries: Iterable<readonly [key: Uint8Array, value: Uint8Array]>): void {
    for (const [bytes] of entries) {
      if (!Timers.owns(bytes)) continue;
      const id = decoder.decode(bytes.subarray(PREFIX.length));
      const bar = id.indexOf("|");
      const key = decodeKey(encoder.encode(id.slice(bar + 1)));
      const clock = id[0] === "e" ? "event" : "processing";
      this.#insert({ id, key, time: Number(id.slice(1, bar)), clock, saved: true, cancelled: false });
    }
  }

  #insert(entry: Entry): void {
    this.#live.set(entry.id, entry);
    this.#queues[entry.clock].push(entry.time, entry);
  }

  #remove(entry: Entry): void {
    this.#live.delete(entry.id);
    if (entry.saved) {
      this.#gone.add(entry.id);
      this.#changes.touch(entry.id);
    } else {
      this.#changes.forget(entry.id);
    }
  }

  /** Far timers that are set and cancelled again and again must not fill the queue until they would be due. */
  #sweep(clock: TimerClock): void {
    const queue = this.#queues[clock];
    if (this.#cancelled[clock] < MIN_SWEEP || this.#cancelled[clock] * 2 < queue.size) return;
    const fresh = new TimeHeap<Entry>(byId);
    for (const entry of this.#live.values()) if (entry.clock === clock) fresh.push(entry.time, entry);
    this.#queues[clock] = fresh;
    this.#cancelled[clock] = 0;
  }
}

function byId(left: Entry, right: Entry): number {
  return left.id < right.id ? -1 : left.id > right.id ? 1 : 0;
}

function idOf(key: Key, time: number, clock: TimerClock): string {
  return `${clock === "event" ? "e" : "p"}${Object.is(time, -0) ? 0 : time}|${keyText(key)}`;
}
