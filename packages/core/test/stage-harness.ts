import type { Clock } from "../src/connector.js";
import type { Key, Origin } from "../src/element.js";
import { StreamError } from "../src/errors.js";
import { DEFAULT_CHANNEL } from "../src/runtime/channel.js";
import { fuse } from "../src/runtime/fuse.js";
import {
  Batch,
  type Emit,
  ERROR,
  MAIN,
  type OperatorSpec,
  type PartitionStatus,
  type Stage,
  type StageContext,
} from "../src/stage.js";

/** A clock that stands still until it is told to move. Its timers run in the order of their times. */
export class ManualClock implements Clock {
  readonly virtual: boolean;
  #now: number;
  #timers: { readonly at: number; readonly fn: () => void }[] = [];

  constructor(now = 0, { virtual = false }: { readonly virtual?: boolean } = {}) {
    this.#now = now;
    this.virtual = virtual;
  }

  now(): number {
    return this.#now;
  }

  schedule(at: number, fn: () => void): () => void {
    const timer = { at, fn };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Timers that are set. */
  get pending(): number {
    return this.#timers.length;
  }

  /** Moves to this time; timers on the way see the time they were set for. */
  set(to: number): void {
    for (;;) {
      const due = this.#timers.filter(({ at }) => at <= to).sort((left, right) => left.at - right.at)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((other) => other !== due);
      this.#now = Math.max(this.#now, due.at);
      due.fn();
    }
    this.#now = Math.max(this.#now, to);
  }
}

/** A value that came out, with what travels beside it. */
export interface Out {
  readonly output: number;
  readonly value: unknown;
  readonly time?: number | undefined;
  readonly key?: Key | undefined;
  readonly origin?: Origin | undefined;
  readonly mark?: number | undefined;
  readonly partition?: string | undefined;
}

/** What stands beside a value that is sent. */
export interface Beside {
  readonly time?: number;
  readonly key?: Key;
  readonly origin?: Origin;
  readonly mark?: number;
}

export interface HarnessOptions {
  readonly onError?: "fail" | "skip";
  readonly clock?: ManualClock;
  readonly randomNumber?: number;
}

/** What leaves a stage that is no value: in band, in order. */
export type Signal = { readonly watermark: number; readonly idle: boolean } | { readonly status: PartitionStatus };

/**
 * Runs one stage without an engine: a batch, a watermark, the clock, a checkpoint and a restart are calls. For tests only. Where it
 * stands for the runtime it does what runtime/chain.ts does.
 */
export class StageHarness {
  readonly spec: OperatorSpec;
  readonly clock: ManualClock;
  readonly counters = { in: 0, out: 0, late: 0, latePartial: 0, skipped: 0, failed: 0 };
  /** Every batch that came out, with its output. */
  batches: { readonly batch: Batch; readonly output: number }[] = [];
  /** Every value and signal that came out, in order. */
  log: (Out | Signal)[] = [];
  errors: { readonly error: unknown; readonly value: unknown; readonly attempts: number }[] = [];
  newKeys: Key[] = [];
  warnings: string[] = [];
  ended = false;
  aborted: unknown;
  wakes = 0;
  stage: Stage;
  /** Nobody below wants more. */
  closedBelow = false;
  /** Those below throw this. */
  failBelow: unknown;
  readonly #options: HarnessOptions;
  #onBatch: Stage["onBatch"] = () => {};
  #controller = new AbortController();
  readonly #store = new Map<string, readonly [Uint8Array, Uint8Array]>();
  #watermark = Number.NEGATIVE_INFINITY;
  #wakeAt = Number.POSITIVE_INFINITY;

  constructor(spec: OperatorSpec, options: HarnessOptions = {}) {
    this.spec = spec;
    this.#options = options;
    this.clock = options.clock ?? new ManualClock();
    this.stage = this.#makeStage();
    this.stage.onStart?.(this.emit);
  }

  /** Sends values with the same things beside each of them. */
  send(values: readonly unknown[], beside: Beside = {}, input = 0): this {
    return this.sendBatch(batchOf(values.map((value) => ({ value, ...beside }))), input);
  }

  sendBatch(batch: Batch, input = 0): this {
    this.counters.in += batch.values.length;
    this.#onBatch(batch, this.emit, input);
    return this;
  }

  watermark(time: number, idle = false): this {
    this.#watermark = Math.max(this.#watermark, time);
    this.stage.onWatermark?.(this.#watermark, this.emit, idle);
    return this;
  }

  /** After a restart: the watermark stands where it stood, and nobody is called. */
  resumeWatermark(time: number): this {
    this.#watermark = time;
    return this;
  }

  /** The watermark that would be passed on now. */
  get watermarkOut(): number {
    return this.stage.outputWatermark?.(this.#watermark) ?? this.#watermark;
  }

  /** Moves the clock and runs the stage's timers. */
  set(time: number): this {
    while (this.#wakeAt <= time) {
      this.clock.set(this.#wakeAt);
      this.#runTimer();
    }
    this.clock.set(time);
    return this;
  }

  #runTimer(): void {
    this.#wakeAt = Number.POSITIVE_INFINITY;
    this.stage.onTimer?.(this.clock.now(), this.emit);
  }

  checkpoint(commit = true): this {
    const changes = [...(this.stage.snapshot?.() ?? [])];
    if (!commit) return this;
    for (const [key, value] of changes) {
      const id = Buffer.from(key).toString("latin1");
      if (value === undefined) this.#store.delete(id);
      else this.#store.set(id, [key, value]);
    }
    this.stage.committed?.();
    return this;
  }

  /** How many entries of state the store holds. */
  get stored(): number {
    return this.#store.size;
  }

  /** Throws the stage away and makes a new one from the last checkpoint. */
  crash(): this {
    this.#controller.abort();
    void this.stage.close?.();
    this.#controller = new AbortController();
    this.#watermark = Number.NEGATIVE_INFINITY;
    this.#wakeAt = Number.POSITIVE_INFINITY;
    this.stage = this.#makeStage();
    this.stage.restore?.(this.#store.values());
    this.stage.onStart?.(this.emit);
    if (this.#wakeAt <= this.clock.now()) this.#runTimer();
    return this;
  }

  restart(): this {
    return this.checkpoint().crash();
  }

  /** A complete end of a synchronous stage. */
  end(): this {
    this.watermark(Number.POSITIVE_INFINITY);
    void this.stage.onEnd?.(this.emit);
    return this;
  }

  abort(): this {
    this.#controller.abort(new Error("aborted"));
    return this;
  }

  /** Lets promises settle. */
  async settle(): Promise<this> {
    for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
    if (this.aborted !== undefined) throw this.aborted;
    return this;
  }

  /** The values that came out by an output since the last time. */
  take(output: number = MAIN): unknown[] {
    const taken = this.log
      .filter((entry): entry is Out => "output" in entry && entry.output === output)
      .map(({ value }) => value);
    this.log = this.log.filter((entry) => !("output" in entry) || entry.output !== output);
    return taken;
  }

  /** Everything that came out since the last time, with what travels beside it. */
  drain(): (Out | Signal)[] {
    return this.log.splice(0);
  }

  readonly emit: Emit = (batch, output = MAIN) => {
    if (batch.values.length === 0) throw new Error("an empty batch was emitted");
    if (this.failBelow !== undefined) throw this.failBelow;
    this.counters.out += output === ERROR ? 0 : batch.values.length;
    this.batches.push({ batch, output });
    this.log.push(...outsOf(batch, output));
    return !this.closedBelow;
  };

  /** As the runtime does, a stage that is a step runs as a loop. */
  #makeStage(): Stage {
    const context = this.#context();
    const stage = this.spec.make(context);
    const link = { stage, context, counters: this.counters, emit: this.emit, onBatch: stage.onBatch.bind(stage) };
    fuse([link]);
    this.#onBatch = link.onBatch;
    return stage;
  }

  #context(): StageContext {
    const random = (): number => this.#options.randomNumber ?? 0.5;
    const warn = (message: string): void => {
      this.warnings.push(message);
    };
    return {
      operator: `${this.spec.kind}-1`,
      topology: "test",
      clock: this.clock,
      random,
      logger: { debug: () => {}, info: () => {}, warn, error: warn },
      signal: this.#controller.signal,
      counters: this.counters,
      channelValues: DEFAULT_CHANNEL.values,
      watermark: () => this.#watermark,
      fail: (error, batch, index, attempts = 1) => this.#fail(error, batch, index, attempts),
      emit: this.emit,
      emitWatermark: (time, idle) => {
        this.log.push({ watermark: time, idle });
      },
      emitPartition: (status) => {
        this.log.push({ status });
      },
      wakeAt: (time) => {
        this.#wakeAt = Math.min(this.#wakeAt, time);
      },
      wake: () => {
        this.wakes++;
      },
      end: () => {
        this.ended = true;
      },
      abort: (error) => {
        this.aborted ??= error;
      },
      partitionTime: () => {},
      newKey: (key) => {
        this.newKeys.push(key);
      },
    };
  }

  #fail(error: unknown, batch: Batch, index: number, attempts: number): void {
    const value = batch.values[index];
    this.errors.push({ error, value, attempts });
    this.counters.failed++;
    if (this.#options.onError !== "skip")
      throw new StreamError("E_OPERATOR", `failed on ${String(value)}`, { cause: error });
    this.counters.skipped++;
  }
}

/** A batch of values with what stands beside each; a column is there if the first value has it. */
export function batchOf(values: readonly ({ readonly value: unknown } & Beside)[], partition?: string): Batch {
  const first = values[0];
  return new Batch(
    values.map(({ value }) => value),
    first?.time === undefined ? null : values.map(({ time }) => time as number),
    first?.key === undefined ? null : values.map(({ key }) => key as Key),
    first?.origin === undefined ? null : values.map(({ origin }) => origin as Origin),
    first?.mark === undefined ? null : values.map(({ mark }) => mark ?? Number.NaN),
    partition,
  );
}

/** The origin of the n-th value of a partition. */
export function originOf(offset: number, partition = "0"): Origin {
  return { source: "s", partition, offset, index: "" };
}

function outsOf({ values, times, keys, origins, marks, partition }: Batch, output: number): Out[] {
  return values.map((value, i) => ({
    output,
    value,
    ...(times === null ? {} : { time: times[i] }),
    ...(keys === null ? {} : { key: keys[i] }),
    ...(origins === null ? {} : { origin: origins[i] }),
    ...(marks === null ? {} : { mark: marks[i] }),
    ...(partition === undefined ? {} : { partition }),
  }));
}
