import type { Key, Origin } from "../element.js";
import { Batch, type Emit, type OperatorSpec, type Stage, type StageContext, type StateChange } from "../stage.js";
import { decodeKey, encodeKey, jsonCodec } from "../state/codec.js";

/** What a flow test sends down, in order. */
export type FlowCommand<T> =
  | { readonly kind: "value"; readonly value: T; readonly time: number | undefined; readonly partition: string }
  | { readonly kind: "watermark"; readonly time: number; readonly partition: string }
  | { readonly kind: "idle"; readonly partition: string };

/** Turns commands into values and watermarks, with the marks that `eventTime` gives: the operator at the head of a flow under test. */
export function flowInput(partitions: readonly string[], timed: boolean): OperatorSpec {
  return {
    kind: "testInput",
    origins: "keep",
    ...(timed ? { eventTime: "assigns" as const } : {}),
    make: (context) => new FlowInputStage(context, partitions, timed),
  };
}

interface PartitionTime {
  watermark: number;
  idle: boolean;
}

class FlowInputStage implements Stage {
  readonly #context: StageContext;
  readonly #timed: boolean;
  readonly #partitions: Map<string, PartitionTime>;
  readonly #codec = jsonCodec<PartitionTime>("testInput");
  #emitted = Number.NEGATIVE_INFINITY;
  #saidIdle = false;

  constructor(context: StageContext, partitions: readonly string[], timed: boolean) {
    this.#context = context;
    this.#timed = timed;
    this.#partitions = new Map(
      partitions.map((partition) => [partition, { watermark: Number.NEGATIVE_INFINITY, idle: false }]),
    );
  }

  onStart(): void {
    if (this.#emitted > Number.NEGATIVE_INFINITY) this.#context.emitWatermark(this.#emitted, false);
  }

  onBatch(batch: Batch, emit: Emit): void {
    (batch.values as readonly FlowCommand<unknown>[]).forEach((command, i) => {
      const partition = this.#partitions.get(command.partition) as PartitionTime;
      if (command.kind === "value") this.#value(command, partition, batch.origins?.[i], emit);
      else if (command.kind === "watermark") this.#watermark(partition, command.time);
      else this.#idle(partition);
    });
  }

  onPartition(): void {}

  *snapshot(): Iterable<StateChange> {
    for (const [partition, time] of this.#partitions) yield [encodeKey(partition), this.#codec.encode(time)];
    yield [encodeKey(0), this.#codec.encode({ watermark: this.#emitted, idle: false })];
  }

  restore(entries: Iterable<readonly [Uint8Array, Uint8Array]>): void {
    for (const [key, bytes] of entries) {
      const partition: Key = decodeKey(key);
      const time = this.#codec.decode(bytes, 1);
      if (typeof partition === "string") this.#partitions.set(partition, time);
      else this.#emitted = time.watermark;
    }
  }

  #pass(idle: boolean): void {
    this.#saidIdle = idle;
    this.#context.emitWatermark(this.#emitted, idle);
  }

  #value(
    {
      value,
      time,
      partition,
    }: { readonly value: unknown; readonly time: number | undefined; readonly partition: string },
    at: PartitionTime,
    origin: Origin | undefined,
    emit: Emit,
  ): void {
    at.idle = false;
    // Whoever merges this with others must wait for it again before the value comes.
    if (this.#saidIdle) this.#combine();
    const marked = time !== undefined && time <= at.watermark + 1;
    const origins = origin === undefined ? null : [{ ...origin, partition }];
    emit(
      new Batch(
        [value],
        this.#timed ? [time ?? Number.NaN] : null,
        null,
        origins,
        marked ? [at.watermark] : null,
        partition,
      ),
    );
  }

  #watermark(partition: PartitionTime, time: number): void {
    partition.idle = false;
    partition.watermark = Math.max(partition.watermark, time);
    this.#combine();
  }

  #idle(partition: PartitionTime): void {
    partition.idle = true;
    this.#combine();
  }

  #combine(): void {
    const live = [...this.#partitions.values()].filter(({ idle }) => !idle);
    const lowest = Math.min(...live.map(({ watermark }) => watermark));
    if (live.length > 0 && lowest > this.#emitted) this.#emitted = lowest;
    const idle = live.length === 0;
    if (this.#emitted > Number.NEGATIVE_INFINITY || idle !== this.#saidIdle) this.#pass(idle);
  }
}
