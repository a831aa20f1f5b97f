import type { Clock, Logger, SourceBatch, SourceReader } from "../connector.js";
import { messageOf, StreamError } from "../errors.js";
import { MAX_BATCH } from "../stage.js";
import { Wakeup } from "./wakeup.js";

/** Values a batch holds at most when they are taken one by one. */
const ITERATED_BATCH = 256;
/** A slow iterator gives up its turn after so long, with what it has. */
const MAX_TURN_MS = 5;
/** Values skipped at a resume before timers and signals get a turn. */
const SKIP_TURN = 4_096;
/** Turns of the event loop an interrupted iterator gets to clean up in while close() waits. */
const CLOSE_TURNS = 3;

/** An iterator that was begun, and what frees it beyond return(). */
export interface Begun<T, I extends Iterator<T> | AsyncIterator<T>> {
  readonly iterator: I;
  /** Tells a waiting iterator to give up: the function form's signal, a stream's destroy(). */
  readonly interrupt: () => void;
}

/**
 * Values whose positions and offsets are their numbers from 0. The offsets are made only if somebody asks. A class, not a literal with a
 * getter: V8 gives each such object a map of its own, in the old generation, and with it keeps the values of every batch.
 */
class Numbered<T> implements SourceBatch<T> {
  readonly values: readonly T[];
  readonly position: string;
  readonly #from: number;

  constructor(values: readonly T[], from: number) {
    this.values = values;
    this.position = String(from + values.length);
    this.#from = from;
  }

  get offsets(): readonly number[] {
    return Array.from(this.values, (_, i) => this.#from + i);
  }
}

function tooShort(name: string, index: number, saved: number): StreamError {
  return new StreamError(
    "E_SOURCE",
    `the input of source "${name}" ended after ${index} values, before the saved position ${saved}: it is not the input the checkpoint was made of`,
    { operator: name },
  );
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Reads an array by slices; what is appended while it is read is read too. */
export class ArrayReader<T> implements SourceReader<T> {
  readonly #values: readonly T[];
  readonly #name: string;
  #next: number;
  #closed = false;

  constructor(values: readonly T[], from: number, name: string) {
    this.#values = values;
    this.#next = from;
    this.#name = name;
  }

  async read(): Promise<SourceBatch<T> | undefined> {
    if (this.#closed) return undefined;
    const from = this.#next;
    if (from > this.#values.length) throw tooShort(this.#name, this.#values.length, from);
    const values = this.#values.slice(from, from + MAX_BATCH);
    if (values.length === 0) return undefined;
    this.#next += values.length;
    return new Numbered(values, from);
  }

  async close(): Promise<void> {
    this.#closed = true;
  }
}

/** Reads a plain iterator, one batch a call, so that an endless one never blocks. */
export class SyncReader<T> implements SourceReader<T> {
  readonly #begun: Begun<T, Iterator<T>>;
  readonly #name: string;
  readonly #clock: Clock;
  readonly #from: number;
  #next = 0;
  #ended = false;
  #closed = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(begun: Begun<T, Iterator<T>>, from: number, name: string, clock: Clock) {
    this.#begun = begun;
    this.#from = from;
    this.#name = name;
    this.#clock = clock;
  }

  async read(): Promise<SourceBatch<T> | undefined> {
    while (this.#next < this.#from && !this.#over()) {
      this.#take(Math.min(SKIP_TURN, this.#from - this.#next), Number.POSITIVE_INFINITY);
      if (this.#ended && this.#next < this.#from)
        this.#failure ??= { error: tooShort(this.#name, this.#next, this.#from) };
      await turn();
    }
    const from = this.#next;
    const values = this.#over() ? [] : this.#take(ITERATED_BATCH, this.#clock.now() + MAX_TURN_MS);
    if (values.length > 0) return new Numbered(values, from);
    if (this.#failure !== undefined && !this.#closed) throw this.#failure.error;
    return undefined;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#begun.interrupt();
    if (this.#ended) return;
    this.#ended = true;
    this.#begun.iterator.return?.();
  }

  #over(): boolean {
    return this.#closed || this.#ended;
  }

  /** What was taken before the iterator threw is a batch of its own; the error follows at the next read(). */
  #take(count: number, untilMs: number): T[] {
    const values: T[] = [];
    try {
      while (values.length < count) {
        const result = this.#begun.iterator.next();
        if (result.done === true) {
          this.#ended = true;
          break;
        }
        values.push(result.value);
        if (values.length % 16 === 0 && this.#clock.now() >= untilMs) break;
      }
    } catch (error) {
      this.#ended = true;
      this.#failure = { error };
    }
    this.#next += values.length;
    return values;
  }
}

/**
 * Reads an async iterator. A batch is what is there: all values that come before the event loop would have to wait, at most 256. One
 * next() may be under way between two reads; it is never more, so a slow topology holds its input back.
 */
export class AsyncReader<T> implements SourceReader<T> {
  readonly #begun: Begun<T, AsyncIterator<T>>;
  readonly #name: string;
  readonly #logger: Logger;
  readonly #from: number;
  readonly #wakeup = new Wakeup();
  #seen = 0;
  #values: T[] = [];
  #reading = false;
  #pulling = false;
  #wakes = false;
  #ended = false;
  #closed = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(begun: Begun<T, AsyncIterator<T>>, from: number, name: string, logger: Logger) {
    this.#begun = begun;
    this.#from = from;
    this.#name = name;
    this.#logger = logger;
  }

  async read(): Promise<SourceBatch<T> | undefined> {
    if (this.#closed) return undefined;
    this.#reading = true;
    if (this.#values.length > 0 || this.#ended) this.#wakeSoon();
    this.#pull();
    // Whatever woke it: without a value and without the end, a return would end the input.
    do await this.#wakeup.wait();
    while (this.#values.length === 0 && !this.#ended && !this.#closed);
    this.#reading = false;
    if (this.#closed) return undefined;
    const values = this.#values;
    if (values.length > 0) {
      this.#values = [];
      return new Numbered(values, this.#seen - values.length);
    }
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#seen < this.#from) throw tooShort(this.#name, this.#seen, this.#from);
    return undefined;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#begun.interrupt();
    this.#wakeup.wake();
    if (this.#ended) return;
    this.#ended = true;
    const returned = Promise.resolve(this.#begun.iterator.return?.());
    if (!this.#pulling) {
      await returned;
      return;
    }
    // A generator that waits for something else answers return() only after that, perhaps never.
    const quiet = returned.then(
      () => {},
      (error) =>
        this.#logger.warn(`source "${this.#name}": its iterator failed while it was closed: ${messageOf(error)}`),
    );
    await Promise.race([quiet, turns(CLOSE_TURNS)]);
  }

  #pull(): void {
    if (this.#pulling || !this.#reading || this.#ended || this.#values.length >= ITERATED_BATCH) return;
    this.#pulling = true;
    this.#step().then(
      (result) => this.#arrived(result),
      (error) => this.#end({ error }),
    );
  }

  /** An iterator that throws instead of rejecting fails in the same way. */
  async #step(): Promise<IteratorResult<T>> {
    return this.#begun.iterator.next();
  }

  #arrived(result: IteratorResult<T>): void {
    if (result.done === true) {
      this.#end(undefined);
      return;
    }
    this.#pulling = false;
    this.#seen++;
    if (this.#seen <= this.#from) {
      if (this.#seen % SKIP_TURN === 0) setImmediate(() => this.#pull());
      else this.#pull();
      return;
    }
    this.#values.push(result.value);
    this.#wakeSoon();
    this.#pull();
  }

  #end(failure: { readonly error: unknown } | undefined): void {
    this.#pulling = false;
    this.#ended = true;
    this.#failure = failure;
    this.#wakeSoon();
  }

  /** After all promises that are settled now have been followed: what comes with the first value shares its batch. */
  #wakeSoon(): void {
    if (this.#wakes) return;
    this.#wakes = true;
    process.nextTick(() => {
      this.#wakes = false;
      this.#wakeup.wake();
    });
  }
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}
