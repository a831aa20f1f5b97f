import type { Logger, Source, SourceBatch, SourceReader } from "../connector.js";
import { requireArgument, StreamError } from "../errors.js";
import { MAX_BATCH } from "../stage.js";
import { SinglePartition } from "./single-partition.js";
import { Wakeup } from "./wakeup.js";

/** What happens to a push when the buffer is full. */
export type Overflow = "block" | "drop-oldest" | "drop-newest" | "error";

/** Options of {@link pushSource}. `name` is the source's, by which checkpoints find its position. */
export interface PushSourceOptions {
  readonly name: string;
  /** Values held at most until the topology takes them: 1,024. */
  readonly capacity?: number;
  /** "block" by default. */
  readonly overflow?: Overflow;
}

/** A source that the program itself feeds. */
export interface PushSource<T> extends Source<T> {
  /** Hands a value in; resolves when it is taken into the buffer (or dropped, by the overflow policy). */
  push(value: T): Promise<void>;
  /** No more values: completes the input once all that were pushed are read. */
  end(): void;
  /** How many values the overflow policy has dropped. */
  readonly dropped: number;
}

const DEFAULT_CAPACITY = 1_024;
/** Pushes that wait for room at most: whoever does not await push() is told so, before memory runs out. */
const MAX_WAITING = 10_000;
const POLICIES: readonly string[] = ["block", "drop-oldest", "drop-newest", "error"];

interface Waiting<T> {
  readonly value: T;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A source that the program feeds by `push()`: the border to callbacks, sockets and request handlers. It holds `capacity` values
 * (1,024) that the topology has not taken yet, also before a run starts; a further push waits for room ("block", the default), drops
 * the oldest or the newest value (counted in `dropped`), or rejects with `E_OVERFLOW` ("error"). At most 10,000 pushes may wait at
 * once. A push after `end()` rejects with `E_SOURCE`; one that waits when its run ends rejects with `E_ABORTED`, its value was not
 * taken.
 *
 * Values can not be read again: those a crashed run had taken but not finished are lost (at-most-once), and a resumed run warns of
 * them. Its position is the number of values taken. It feeds one run at a time.
 *
 * @example
 * ```ts
 * import { consoleSink, from, pushSource, topology } from "@millrace/core";
 * const clicks = pushSource<string>({ name: "clicks" });
 * const run = topology("count", from(clicks).to(consoleSink())).start();
 * await clicks.push("buy");
 * clicks.end();
 * await run.done;
 * ```
 */
export function pushSource<T>(options: PushSourceOptions): PushSource<T> {
  const { name, capacity = DEFAULT_CAPACITY, overflow = "block" } = options;
  requireArgument(
    Number.isInteger(capacity) && capacity >= 1,
    `pushSource "${name}": capacity must be a whole number from 1; it is ${capacity}`,
  );
  requireArgument(
    POLICIES.includes(overflow),
    `pushSource "${name}": overflow must be one of ${POLICIES.join(", ")}; it is ${JSON.stringify(overflow)}`,
  );
  const buffer = new PushBuffer<T>(name, capacity, overflow);
  return {
    name,
    bounded: true,
    replays: false,
    connect: async ({ logger }) => buffer.connect(logger),
    push: (value) => buffer.push(value),
    end: () => buffer.end(),
    get dropped() {
      return buffer.dropped;
    },
  };
}

/** Values between the program and the topology. It outlives a run: what was not taken goes to the next one. */
class PushBuffer<T> {
  readonly #name: string;
  readonly #capacity: number;
  readonly #overflow: Overflow;
  readonly #values = new Fifo<T>();
  readonly #waiting = new Fifo<Waiting<T>>();
  readonly #wakeup = new Wakeup();
  #ended = false;
  #connected = false;
  /** Values given to runs, all together. */
  #taken = 0;
  dropped = 0;

  constructor(name: string, capacity: number, overflow: Overflow) {
    this.#name = name;
    this.#capacity = capacity;
    this.#overflow = overflow;
  }

  connect(logger: Logger): SinglePartition<T> {
    if (this.#connected)
      throw this.#error("E_SOURCE", "feeds another run already: give each run a pushSource of its own");
    this.#connected = true;
    return new SinglePartition(
      this.#name,
      (position) => this.#open(position ?? this.#taken, logger),
      () => this.#disconnect(),
    );
  }

  async push(value: T): Promise<void> {
    if (this.#ended) throw this.#error("E_SOURCE", "was ended: push() comes after end()");
    if (this.#values.size >= this.#capacity) {
      if (this.#overflow === "block") return this.#waitForRoom(value);
      if (this.#overflow === "error")
        throw this.#error("E_OVERFLOW", `is full: ${this.#capacity} values wait for the topology`);
      this.dropped++;
      if (this.#overflow === "drop-newest") return;
      this.#values.shift();
    }
    this.#values.push(value);
    this.#wakeup.wake();
  }

  end(): void {
    this.#ended = true;
    this.#wakeup.wake();
  }

  #open(from: number, logger: Logger): SourceReader<T> {
    if (from < this.#taken)
      logger.warn(
        `source "${this.#name}": ${this.#taken - from} values that an earlier run took but did not finish are lost: pushed values can not be read again`,
      );
    this.#taken = from;
    let closed = false;
    let saidCaughtUp = false;
    const read = async (): Promise<SourceBatch<T> | undefined> => {
      while (!closed) {
        if (this.#values.size > 0) {
          const batch = this.#take();
          saidCaughtUp = batch.caughtUp === true;
          return batch;
        }
        if (this.#ended) return undefined;
        if (!saidCaughtUp) {
          saidCaughtUp = true;
          return { values: [], position: String(this.#taken), caughtUp: true };
        }
        await this.#wakeup.wait();
      }
      return undefined;
    };
    const close = async (): Promise<void> => {
      closed = true;
      this.#wakeup.wake();
    };
    return { read, close };
  }

  #take(): SourceBatch<T> {
    const values: T[] = [];
    while (values.length < MAX_BATCH && this.#values.size > 0) values.push(this.#values.shift() as T);
    while (this.#values.size < this.#capacity && this.#waiting.size > 0) {
      const { value, resolve } = this.#waiting.shift() as Waiting<T>;
      this.#values.push(value);
      resolve();
    }
    const from = this.#taken;
    this.#taken += values.length;
    return {
      values,
      offsets: values.map((_, i) => from + i),
      position: String(this.#taken),
      caughtUp: this.#values.size === 0,
    };
  }

  #waitForRoom(value: T): Promise<void> {
    if (this.#waiting.size >= MAX_WAITING)
      throw this.#error("E_OVERFLOW", `has ${MAX_WAITING} pushes waiting for room: await each push()`);
    return new Promise((resolve, reject) => this.#waiting.push({ value, resolve, reject }));
  }

  /** Nobody makes room any more: a push that waited would do so for ever. */
  #disconnect(): void {
    this.#connected = false;
    while (this.#waiting.size > 0)
      (this.#waiting.shift() as Waiting<T>).reject(
        this.#error("E_ABORTED", "lost the run that it fed before it took the value"),
      );
  }

  #error(code: "E_SOURCE" | "E_OVERFLOW" | "E_ABORTED", what: string): StreamError {
    return new StreamError(code, `source "${this.#name}" ${what}`, { operator: this.#name });
  }
}

/** First in, first out, at a constant cost: an array's own shift() moves all that is behind. */
class Fifo<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get size(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    const item = this.#items[this.#head];
    this.#items[this.#head++] = undefined;
    if (this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }
}
