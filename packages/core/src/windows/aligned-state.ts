import type { Key } from "../element.js";
import type { Holding } from "./window-setup.js";

/** One window of all keys. */
export class Frame<A> {
  readonly start: number;
  readonly end: number;
  /** From this watermark on a value is late for it. */
  readonly lastCall: number;
  readonly cells: Map<Key | undefined, Cell<A>> = new Map();
  /** Its end has been reached: it has fired, and a value that may still come fires it again. */
  closed: boolean;
  freed = false;
  /** When it next fires early by event time; NaN: nothing changed since it did. */
  earlyAt: number = Number.NaN;
  /** What changed since then. */
  fresh: Cell<A>[] = [];
  /** What changed since the last snapshot, and what is in a snapshot that is not committed. */
  changed: Cell<A>[] = [];
  inSnapshot: Cell<A>[] = [];

  constructor(start: number, end: number, latenessMs: number, closed: boolean) {
    this.start = start;
    this.end = end;
    this.lastCall = end - 1 + latenessMs;
    this.closed = closed;
  }
}

/** One window of one key. There are many: no field holds a number that would need memory of its own. */
export class Cell<A> implements Holding<A> {
  readonly frame: Frame<A>;
  readonly key: Key | undefined;
  accumulator: A;
  added = 0;
  firing = 0;
  dueAt: number | undefined;
  changed = false;
  /** In a snapshot, so that its end must be saved too. */
  saved = false;

  constructor(frame: Frame<A>, key: Key | undefined, accumulator: A) {
    this.frame = frame;
    this.key = key;
    this.accumulator = accumulator;
    this.dueAt = undefined;
  }

  get gone(): boolean {
    return this.frame.freed;
  }
}
