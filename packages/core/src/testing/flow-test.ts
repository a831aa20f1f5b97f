import type { Sink, Source, SourceBatch } from "../connector.js";
import type { Duration } from "../duration.js";
import type { Element, Key } from "../element.js";
import { requireArgument } from "../errors.js";
import { startRun } from "../runtime/run.js";
import type { Run, RunSummary } from "../runtime/run-options.js";
import type { OperatorSpec } from "../stage.js";
import { memoryCheckpoints } from "../state/memory-checkpoints.js";
import type { Stream } from "../stream.js";
import { operatorStream } from "../stream-builder.js";
import { graphOf } from "../topology.js";
import { deepFreeze } from "./deep-freeze.js";
import { type FlowCommand, flowInput } from "./flow-input.js";
import { type VirtualClock, virtualClock } from "./virtual-clock.js";

/** A flow under test: what is sent in, what time it is, what came out. */
export interface FlowTest<T, R> {
  readonly clock: VirtualClock;
  /** Sends a value from a partition (default the first). With a time it marks it as `eventTime` does; the first call decides whether the input is timed. */
  send(value: T, at?: { readonly time?: number; readonly partition?: string }): Promise<void>;
  /** Moves the watermark of a partition; without one, of all. */
  watermark(time: number, partition?: string): Promise<void>;
  /** A partition leaves the watermark's minimum. */
  idle(partition: string): Promise<void>;
  advance(by: Duration): Promise<void>;
  /** After an open async call has ended: until the engine can do no more. */
  settle(): Promise<void>;
  /** Checkpoint, discard, restore. */
  restart(): Promise<void>;
  /** The input is complete. */
  end(): Promise<void>;
  /** The values that came out since the last take() or elements(). */
  take(): R[];
  elements(): Element<Key | undefined, R>[];
  /** The watermark below the flow; undefined before the first. */
  watermarkOut(): number | undefined;
  summary(): RunSummary;
}

/** Options of {@link testFlow}: where its clock starts, in milliseconds since the epoch (0), and the partitions of its input (["0"]). */
export interface FlowTestOptions {
  readonly startMs?: number;
  readonly partitions?: readonly string[];
}

/**
 * Drives a flow on a virtual clock that starts at `startMs` (0). Every call resolves when the engine can do no more without time passing or an open
 * async call ending. restart() goes through a checkpoint, so every operator's snapshot is tested the same way. Values are deep-frozen
 * on their way in and out, since branches share them.
 *
 * @example
 * ```ts
 * import { tumbling } from "@millrace/core";
 * import { testFlow } from "@millrace/core/testing";
 * const test = testFlow<string, unknown>((words) => words.keyBy((word) => word).window("hourly", tumbling({ size: "1h" })).count());
 * await test.send("a", { time: 10 });
 * await test.restart();
 * await test.watermark(3_600_000);
 * test.take(); // [{ key: "a", window: { start: 0, end: 3600000 }, value: 1, timing: "onTime", firing: 0 }]
 * ```
 */
export function testFlow<T, R>(build: (stream: Stream<T>) => Stream<R>, options: FlowTestOptions = {}): FlowTest<T, R> {
  return new RunningFlow(build, options);
}

class RunningFlow<T, R> implements FlowTest<T, R> {
  readonly clock: VirtualClock;
  readonly #build: (stream: Stream<T>) => Stream<R>;
  readonly #partitions: readonly string[];
  readonly #store = memoryCheckpoints();
  /** Everything sent so far: a restart reads on from where the checkpoint stands. */
  readonly #commands: FlowCommand<T>[] = [];
  #wake: () => void = () => {};
  #ended = false;
  #timed: boolean | undefined;
  #run: Run | undefined;
  #failure: { readonly error: unknown } | undefined;
  #summary: RunSummary | undefined;
  #out: Element<Key | undefined, R>[] = [];
  #watermarkOut: number | undefined;

  constructor(build: (stream: Stream<T>) => Stream<R>, options: FlowTestOptions) {
    this.clock = virtualClock(options.startMs ?? 0);
    this.#build = build;
    this.#partitions = options.partitions ?? ["0"];
  }

  send(
    value: T,
    { time, partition = this.#partitions[0] as string }: { readonly time?: number; readonly partition?: string } = {},
  ): Promise<void> {
    return this.#command({ kind: "value", value: deepFreeze(value), time, partition }, time !== undefined);
  }

  async watermark(time: number, partition?: string): Promise<void> {
    for (const each of partition === undefined ? this.#partitions : [partition])
      await this.#command({ kind: "watermark", time, partition: each }, true);
  }

  idle(partition: string): Promise<void> {
    return this.#command({ kind: "idle", partition }, true);
  }

  async advance(by: Duration): Promise<void> {
    await this.clock.advance(by);
    this.#throwFailure();
  }

  async settle(): Promise<void> {
    await this.clock.settle();
    this.#throwFailure();
  }

  async restart(): Promise<void> {
    this.#begin(this.#timed ?? false);
    await this.settle();
    await this.#run?.stop();
    this.#run = undefined;
    this.#begin(this.#timed ?? false);
    await this.settle();
  }

  async end(): Promise<void> {
    this.#begin(this.#timed ?? false);
    this.#ended = true;
    this.#wake();
    await this.settle();
  }

  take(): R[] {
    return this.elements().map(({ value }) => value);
  }

  elements(): Element<Key | undefined, R>[] {
    this.#throwFailure();
    const out = this.#out;
    this.#out = [];
    return out;
  }

  watermarkOut(): number | undefined {
    return this.#watermarkOut;
  }

  summary(): RunSummary {
    return this.#summary ?? { status: "stopped", operators: operatorsOf(this.#run), discarded: 0 };
  }

  async #command(command: FlowCommand<T>, timed: boolean): Promise<void> {
    requireArgument(!this.#ended, "testFlow: the input has ended, so nothing more can be sent");
    requireArgument(
      this.#partitions.includes(command.partition),
      `testFlow has no partition "${command.partition}": name it in options.partitions`,
    );
    this.#begin(timed);
    requireArgument(
      timed === this.#timed,
      `testFlow: the first call has made the input ${timed ? "one without event time" : "one with event time, so every value needs one"}`,
    );
    this.#commands.push(command);
    this.#wake();
    await this.settle();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #begin(timed: boolean): void {
    this.#timed ??= timed;
    if (this.#run !== undefined) return;
    const input = operatorStream<T>(
      { type: "source", source: this.#source(), named: true, oneShot: false },
      flowInput(this.#partitions, this.#timed),
      { timed: this.#timed },
    );
    const probed = operatorStream<R>(this.#build(input), this.#probe(), {});
    const run = startRun(
      graphOf(probed.to(this.#sink())),
      { clock: this.clock, checkpoint: { every: "36500d", store: this.#store }, logger: silent },
      { unnamedState: true },
    );
    this.#run = run;
    this.#summary = undefined;
    run.done.then(
      (summary) => {
        this.#summary = summary;
      },
      (error) => {
        this.#failure = { error };
      },
    );
  }

  #source(): Source<FlowCommand<T>> {
    return {
      name: "input",
      bounded: true,
      connect: async () => ({
        subscribe: (listener) => listener.assigned(["0"], 1),
        open: async (_partition, position) => {
          let next = Number(position ?? 0);
          let closed = false;
          return {
            read: async (): Promise<SourceBatch<FlowCommand<T>> | undefined> => {
              while (!closed && next >= this.#commands.length) {
                if (this.#ended) return undefined;
                await new Promise<void>((resolve) => {
                  this.#wake = resolve;
                });
              }
              if (closed) return undefined;
              const command = this.#commands[next] as FlowCommand<T>;
              next++;
              return { values: [command], offsets: [next - 1], position: String(next) };
            },
            close: async () => {
              closed = true;
              this.#wake();
            },
          };
        },
        comparePositions: (left, right) => Number(left) - Number(right),
        close: async () => {},
      }),
    };
  }

  #probe(): OperatorSpec {
    return {
      kind: "probe",
      origins: "keep",
      make: () => ({
        onBatch: (batch, emit) => {
          for (const value of batch.values) deepFreeze(value);
          emit(batch);
        },
        onWatermark: (time) => {
          this.#watermarkOut = time;
        },
      }),
    };
  }

  #sink(): Sink<R> {
    return {
      name: "output",
      writes: "append",
      connect: async () => ({
        open: async () => ({
          write: async (values, { keys, times, origins }) => {
            values.forEach((value, i) => {
              this.#out.push({ value, key: keys[i], time: times[i], origin: origins[i] });
            });
          },
          close: async () => {},
        }),
        close: async () => {},
      }),
    };
  }
}

function operatorsOf(run: Run | undefined): RunSummary["operators"] {
  return (run?.metrics() as { operators?(): RunSummary["operators"] } | undefined)?.operators?.() ?? [];
}

/** A failure is thrown by the next call of the test: it need not be logged as well. */
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
