import type { Sink, SinkConnection, SinkWriter, Task, WriteContext, WriteOutcome } from "../connector.js";
import type { Key, Origin } from "../element.js";
import { requireArgument, StreamError } from "../errors.js";
import type { BatchPolicy } from "../policy.js";

/** Options of {@link testSink}: what the sink says of itself to the engine. */
export interface TestSinkOptions {
  /** "append" by default. "idempotent" and "versioned": a value with an id that was written replaces it in its place. */
  readonly writes?: "append" | "idempotent" | "versioned";
  readonly batch?: BatchPolicy;
  readonly concurrency?: number;
  readonly system?: string;
}

/** A write that a test sink has taken, with what came beside the values. */
export interface TestWrite<T> {
  readonly values: readonly T[];
  readonly ids: readonly (string | undefined)[];
  readonly keys: readonly (Key | undefined)[];
  readonly times: readonly (number | undefined)[];
  readonly origins: readonly (Origin | undefined)[];
  readonly attempt: number;
  readonly task: Task;
}

/** A sink that remembers, and fails or hangs when it is told to. */
export interface TestSink<T> extends Sink<T> {
  /** What is written, in order. It outlives a run. */
  readonly values: T[];
  /** All writes that were taken, in order. */
  readonly writesTaken: readonly TestWrite<T>[];
  /** Write calls until now, those that failed or hang included. */
  readonly attempts: number;
  /** The epochs of all flushes, in order. */
  readonly flushes: readonly number[];
  /** How often it was connected and closed, how many writers are open now, and how many writes hang. */
  readonly counts: {
    readonly connects: number;
    readonly closes: number;
    readonly openWriters: number;
    readonly hanging: number;
  };
  /** Gives the next `times` write calls this outcome for each of their values (a transient failure without one); a failure writes nothing. */
  failNext(times: number, outcome?: WriteOutcome): void;
  /** Lets writes hang from now on. */
  stall(): void;
  /** Lets hanging writes, and all further ones, go on. */
  release(): void;
}

const TRANSIENT: WriteOutcome = {
  class: "transient",
  code: "E_TEST_FAILURE",
  message: "the test sink was told to fail",
};

/**
 * A sink for late, dead-letter and ordinary targets in tests: it keeps what is written in `values`. A hanging write ends with its
 * signal, as a good sink's does.
 *
 * @example
 * ```ts
 * import { from } from "@millrace/core";
 * import { testSink } from "@millrace/core/testing";
 * const sink = testSink<number>("results");
 * sink.failNext(2); // the engine tries again
 * await from([1, 2, 3]).to(sink).run();
 * sink.values; // [1, 2, 3]
 * ```
 */
export function testSink<T>(name = "test", options: TestSinkOptions = {}): TestSink<T> {
  return new RememberingSink<T>(name, options);
}

class RememberingSink<T> implements TestSink<T> {
  readonly name: string;
  readonly writes: "append" | "idempotent" | "versioned";
  declare readonly batch?: BatchPolicy;
  declare readonly concurrency?: number;
  declare readonly system?: string;
  readonly values: T[] = [];
  readonly writesTaken: TestWrite<T>[] = [];
  readonly flushes: number[] = [];
  readonly #places = new Map<string, number>();
  readonly #outcomes: WriteOutcome[] = [];
  #stalled = false;
  readonly #released = new Set<() => void>();
  #attempts = 0;
  #connects = 0;
  #closes = 0;
  readonly #writers = new Set<SinkWriter<T>>();

  constructor(name: string, { writes = "append", ...rest }: TestSinkOptions) {
    this.name = name;
    this.writes = writes;
    Object.assign(this, rest);
  }

  get attempts(): number {
    return this.#attempts;
  }

  get counts(): TestSink<T>["counts"] {
    return {
      connects: this.#connects,
      closes: this.#closes,
      openWriters: this.#writers.size,
      hanging: this.#released.size,
    };
  }

  failNext(times: number, outcome: WriteOutcome = TRANSIENT): void {
    requireArgument(
      Number.isInteger(times) && times >= 0,
      `failNext: times must be a whole number from 0; it is ${times}`,
    );
    for (let i = 0; i < times; i++) this.#outcomes.push(outcome);
  }

  stall(): void {
    this.#stalled = true;
  }

  release(): void {
    this.#stalled = false;
    for (const go of this.#released) go();
  }

  async connect(): Promise<SinkConnection<T>> {
    this.#connects++;
    let closed = false;
    return {
      open: async (task) => {
        const writer: SinkWriter<T> = {
          write: (values, context) => this.#write(values, context, task),
          flush: async (epoch) => void this.flushes.push(epoch),
          close: async () => void this.#writers.delete(writer),
        };
        this.#writers.add(writer);
        return writer;
      },
      close: async () => {
        if (!closed) this.#closes++;
        closed = true;
      },
    };
  }

  async #write(values: readonly T[], context: WriteContext, task: Task): Promise<void | readonly WriteOutcome[]> {
    this.#attempts++;
    context.signal.throwIfAborted();
    if (this.#stalled) await this.#untilReleased(context.signal);
    const outcome = this.#outcomes.shift();
    if (outcome !== undefined && outcome !== "written") return values.map(() => outcome);
    const { ids, keys, times, origins, attempt } = context;
    this.writesTaken.push({
      values: [...values],
      ids: [...ids],
      keys: [...keys],
      times: [...times],
      origins: [...origins],
      attempt,
      task,
    });
    for (const [i, value] of values.entries()) this.#keep(value, ids[i]);
  }

  #keep(value: T, id: string | undefined): void {
    const place = id === undefined || this.writes === "append" ? undefined : this.#places.get(id);
    if (place !== undefined) {
      this.values[place] = value;
      return;
    }
    if (id !== undefined) this.#places.set(id, this.values.length);
    this.values.push(value);
  }

  #untilReleased(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        this.#released.delete(go);
        signal.removeEventListener("abort", stop);
      };
      const go = (): void => {
        settle();
        resolve();
      };
      const stop = (): void => {
        settle();
        reject(
          new StreamError("E_ABORTED", `a stalled write to test sink "${this.name}" was given up`, {
            cause: signal.reason,
          }),
        );
      };
      this.#released.add(go);
      signal.addEventListener("abort", stop, { once: true });
    });
  }
}
