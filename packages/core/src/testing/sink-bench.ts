import assert from "node:assert/strict";
import {
  type Sink,
  type SinkCommit,
  type SinkConnection,
  type SinkWriter,
  type Task,
  type WriteContext,
  WriteError,
  type WriteOutcome,
} from "../connector.js";
import { preview } from "../errors.js";
import { type Check, within } from "./suite.js";
import { testContext } from "./test-context.js";

/** What a check needs of sinkSuite()'s options. */
export interface SinkCheckOptions<T> {
  setup(): Promise<SinkUnderTest<T>>;
  sample(index: number): T;
  poison?(): T;
  kill?(): Promise<void>;
}

/** A store to write to, and a way to read it. */
export interface SinkUnderTest<T> {
  sink(): Sink<T>;
  contents(): Promise<readonly T[]>;
  teardown(): Promise<void>;
  apply?(payload: unknown): Promise<void>;
}

export const TASK: Task = { topology: "test", partitions: ["0"], lease: 1 };

/** One try of the engine: everything was written, or what became of each value. */
export type Tried = "written" | readonly WriteOutcome[] | WriteError;

/** Makes a check on an empty store; connections are closed after it, in whatever way it ends. */
export function sinkCheck<T>(
  options: SinkCheckOptions<T>,
  name: string,
  body: (bench: SinkBench<T>) => Promise<void>,
): Check {
  return {
    name,
    async run() {
      const store = await within("setup()", options.setup(), 60_000);
      const bench = new SinkBench(store, options.sample);
      try {
        await body(bench);
      } finally {
        await bench.close();
        await within("teardown()", store.teardown(), 60_000);
      }
    },
  };
}

/** Opens connections to one store, and speaks to them as the engine does, with a deadline. */
export class SinkBench<T> {
  readonly #store: SinkUnderTest<T>;
  readonly #sample: (index: number) => T;
  readonly #connections: SinkConnection<T>[] = [];
  readonly #writers: BenchWriter<T>[] = [];

  constructor(store: SinkUnderTest<T>, sample: (index: number) => T) {
    this.#store = store;
    this.#sample = sample;
  }

  /** The sink as one more process would make it. */
  sink(): Sink<T> {
    return this.#store.sink();
  }

  async connect(): Promise<SinkConnection<T>> {
    const connection = await within("connect()", this.sink().connect(testContext()));
    this.#connections.push(connection);
    return connection;
  }

  /** A writer on a connection of its own. */
  async writer(state?: Uint8Array): Promise<BenchWriter<T>> {
    const connection = await this.connect();
    return this.open(connection, TASK, state);
  }

  async open(connection: SinkConnection<T>, task: Task, state?: Uint8Array): Promise<BenchWriter<T>> {
    const opened = await within("open()", connection.open(task, state));
    const writer = new BenchWriter(connection, opened, (payload) => this.#apply(payload));
    this.#writers.push(writer);
    return writer;
  }

  /** Values number `from` up to, not including, `to`. */
  samples(from: number, to: number): T[] {
    return Array.from({ length: to - from }, (_, i) => this.#sample(from + i));
  }

  async contents(): Promise<readonly T[]> {
    return within("contents()", this.#store.contents(), 60_000);
  }

  /** Cleans up after a check, which may have failed or killed the server: closing has a check of its own. */
  async close(): Promise<void> {
    for (const writer of this.#writers) await writer.close().catch(() => {});
    for (const connection of this.#connections)
      await within("close() of the connection", connection.close()).catch(() => {});
  }

  async #apply(payload: unknown): Promise<void> {
    assert.ok(
      this.#store.apply !== undefined,
      "flush() gave a payload for the checkpoint store's transaction: setup() must give an apply() that does with it what the store would",
    );
    await within("apply()", this.#store.apply(payload));
  }
}

/** A writer that is spoken to as the engine speaks to it. */
export class BenchWriter<T> {
  readonly connection: SinkConnection<T>;
  readonly #writer: SinkWriter<T>;
  readonly #apply: (payload: unknown) => Promise<void>;
  #epoch = 0;

  constructor(connection: SinkConnection<T>, writer: SinkWriter<T>, apply: (payload: unknown) => Promise<void>) {
    this.connection = connection;
    this.#writer = writer;
    this.#apply = apply;
  }

  /** Writes values whose ids follow from their numbers, `from` being the first's; fails unless all are written. */
  async write(values: readonly T[], from: number, context: Partial<WriteContext> = {}): Promise<void> {
    const tried = await this.try(values, from, context);
    assert.ok(tried === "written", `write() of ${values.length} sound values must write them all; ${describe(tried)}`);
  }

  /** One write as it comes out. What is thrown without a class counts as the engine takes it: transient. */
  async try(values: readonly T[], from: number, context: Partial<WriteContext> = {}): Promise<Tried> {
    let outcomes: void | readonly WriteOutcome[];
    try {
      outcomes = await within("write()", this.#writer.write(values, { ...contextOf(values.length, from), ...context }));
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      return error instanceof WriteError
        ? error
        : new WriteError("transient", "E_SINK", String(error), { cause: error });
    }
    if (outcomes === undefined) return "written";
    assert.equal(outcomes.length, values.length, "write() must give an outcome for each value, or none at all");
    return outcomes.every((outcome) => outcome === "written") ? "written" : outcomes;
  }

  async flush(): Promise<SinkCommit | undefined> {
    const commit = (await within("flush()", this.#writer.flush?.(++this.#epoch) ?? Promise.resolve())) ?? undefined;
    if (commit?.state !== undefined)
      assert.ok(
        commit.state instanceof Uint8Array,
        `the state that flush() gives must be bytes; it is ${preview(commit.state)}`,
      );
    if (commit?.commit !== undefined) await this.#apply(commit.commit);
    return commit;
  }

  async close(): Promise<void> {
    await within("close() of the writer", this.#writer.close());
  }
}

/** Ids, keys, times and origins as the engine makes them for values `from`, `from + 1`, … of one partition. */
export function contextOf(count: number, from: number): WriteContext {
  const numbers = Array.from({ length: count }, (_, i) => from + i);
  return {
    signal: new AbortController().signal,
    attempt: 1,
    ids: numbers.map((n) => `suite/0/${n}`),
    keys: numbers.map((n) => `key ${n % 7}`),
    times: numbers.map((n) => 1_700_000_000_000 + n),
    origins: numbers.map((n) => ({ source: "suite", partition: "0", offset: n, index: "" })),
  };
}

export function describe(tried: Tried): string {
  if (tried === "written") return "all were written";
  if (tried instanceof WriteError) return `it failed as ${tried.class}: ${tried.code}: ${tried.message}`;
  return `outcomes: ${preview(tried.find((outcome) => outcome !== "written"))}`;
}
