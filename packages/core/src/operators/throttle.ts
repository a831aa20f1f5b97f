import { type Duration, durationMs } from "../duration.js";
import type { Key } from "../element.js";
import { requireArgument, requireCount } from "../errors.js";
import type { Batch, Emit, OperatorSpec, PartitionStatus, StageContext } from "../stage.js";
import { type Codec, jsonCodec } from "../state/codec.js";
import { KeyedState } from "../state/keyed-state.js";
import { HeldBatches, type SavedBatch, type Signal } from "./held-batches.js";
import { KeyedStage } from "./keyed-stage.js";
import { type Passes, PassLog } from "./pass-log.js";

/**
 * At most `elements` values in any interval of length `per`. What is too much waits (default), or is dropped and counted.
 *
 * @example
 * ```ts
 * import { from } from "@millrace/core";
 * const gentle = from([1, 2, 3]).throttle({ elements: 500, per: "1s" });
 * ```
 */
export interface ThrottleLimit {
  readonly elements: number;
  readonly per: Duration;
  readonly overflow?: "backpressure" | "drop";
}

/**
 * Lets at most `elements` values pass in any interval of length `per`, in order, over all keys. With backpressure it holds what is too
 * much, takes no more meanwhile, and a checkpoint saves it; with `overflow: "drop"` the newest values are counted as skipped.
 */
export function throttle(limit: ThrottleLimit & { readonly name?: string }): OperatorSpec {
  requireCount(limit.elements, 1, "throttle(): elements");
  const perMs = durationMs(limit.per, "throttle(): per");
  const { overflow = "backpressure", name } = limit;
  requireArgument(
    overflow === "backpressure" || overflow === "drop",
    `throttle(): overflow must be "backpressure" or "drop"; it is ${JSON.stringify(overflow)}`,
  );
  const plan = { name, elements: limit.elements, perMs };
  const drops = overflow === "drop";
  return {
    kind: "throttle",
    name,
    origins: "keep",
    holdsState: true,
    global: true,
    ...(drops ? { lowers: "which values it drops depends on the clock" } : { async: true }),
    make: (context) => (drops ? new DropStage(context, plan) : new WaitStage(context, plan)),
  };
}

interface Plan {
  readonly name: string | undefined;
  readonly elements: number;
  readonly perMs: number;
}

/** The two entries of its state. */
const LOG = "log";
const QUEUE = "queue";

abstract class ThrottleStage extends KeyedStage<PassLog | HeldBatches> {
  readonly #fresh: PassLog;

  constructor(context: StageContext, { name, elements, perMs }: Plan) {
    const where = name ?? context.operator;
    super(context, new KeyedState({ where, named: name !== undefined, codec: codecOf(where, elements, perMs) }), false);
    this.#fresh = new PassLog(elements, perMs);
  }

  protected get log(): PassLog {
    return (this.state.find(LOG, Number.NaN)?.state as PassLog | undefined) ?? this.#fresh;
  }

  /** Notes that values pass now. */
  protected pass(now: number, count: number): void {
    const { log } = this;
    log.add(now, count);
    this.state.write(LOG, this.state.find(LOG, Number.NaN), log, Number.NaN);
  }

  override read(_key: Key): unknown {
    return this.log.passes;
  }
}

function codecOf(where: string, elements: number, perMs: number): Codec<PassLog | HeldBatches> {
  const json = jsonCodec<{ readonly passes: readonly Passes[] } | { readonly batches: readonly SavedBatch[] }>(where);
  return {
    version: 1,
    encode: (state) => json.encode(state instanceof PassLog ? { passes: state.passes } : { batches: state.save() }),
    decode: (bytes, version) => {
      const saved = json.decode(bytes, version);
      return "passes" in saved ? new PassLog(elements, perMs, saved.passes) : new HeldBatches(saved.batches);
    },
  };
}

class DropStage extends ThrottleStage {
  onBatch(batch: Batch, emit: Emit): void {
    const now = this.context.clock.now();
    const passing = Math.min(batch.values.length, this.log.room(now));
    this.context.counters.skipped += batch.values.length - passing;
    if (passing === 0) return;
    this.pass(now, passing);
    emit(batch.slice(0, passing));
  }
}

/**
 * An asynchronous stage, because what it holds leaves when the clock says so, also while the end is waiting for it. A barrier passes
 * at once: what is held is state.
 */
class WaitStage extends ThrottleStage {
  #cancel: (() => void) | undefined;
  #drained: (() => void) | undefined;
  #closed = false;

  onStart(): void {
    this.#release();
  }

  onBatch(batch: Batch): void {
    const queue = this.#queue ?? new HeldBatches();
    queue.push(batch);
    this.#save(queue);
    this.#release();
  }

  onWatermark(time: number, _emit: Emit, idle: boolean): void {
    this.#signal({ kind: "watermark", time, idle });
  }

  onPartition(status: PartitionStatus): void {
    this.#signal(status);
  }

  onBarrier(): Promise<void> {
    return Promise.resolve();
  }

  onEnd(): Promise<void> {
    return new Promise((resolve) => {
      this.#drained = resolve;
      this.#release();
    });
  }

  full(): boolean {
    return this.#queue !== undefined;
  }

  held(): number {
    return this.#queue?.size ?? 0;
  }

  busy(): boolean {
    return this.full();
  }

  waiting(): string | undefined {
    return this.full() ? `${this.held()} values wait for the rate limit` : undefined;
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
  }

  get #queue(): HeldBatches | undefined {
    return this.state.find(QUEUE, Number.NaN)?.state as HeldBatches | undefined;
  }

  #save(queue: HeldBatches): void {
    this.state.write(QUEUE, this.state.find(QUEUE, Number.NaN), queue, Number.NaN);
  }

  #signal(signal: Signal): void {
    if (this.#queue === undefined) this.#tell(signal);
    else this.#queue.push(signal);
  }

  #tell(signal: Signal): void {
    if (signal.kind === "watermark") this.context.emitWatermark(signal.time, signal.idle);
    else this.context.emitPartition(signal);
  }

  /** Lets out what may pass now, and comes again when there is room for more. */
  #release(): void {
    const queue = this.#queue;
    if (queue !== undefined && !this.#closed) {
      this.#drain(queue);
      if (!queue.empty) {
        this.#save(queue);
        this.#wait();
        return;
      }
      this.state.delete(QUEUE);
      this.context.wake();
    }
    this.#drained?.();
  }

  #drain(queue: HeldBatches): void {
    const now = this.context.clock.now();
    while (!queue.empty) {
      const signal = queue.takeSignal();
      if (signal !== undefined) {
        this.#tell(signal);
        continue;
      }
      const batch = queue.take(this.log.room(now));
      if (batch === undefined) return;
      this.pass(now, batch.values.length);
      if (!this.context.emit(batch)) queue.clear();
    }
  }

  #wait(): void {
    this.#cancel?.();
    this.#cancel = this.context.clock.schedule(this.log.nextAt, () => {
      try {
        this.#release();
      } catch (error) {
        this.context.abort(error);
      }
    });
  }
}
