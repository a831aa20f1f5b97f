import { type Duration, durationMs, durationOrZeroMs } from "../duration.js";
import { preview, requireArgument, StreamError } from "../errors.js";
import {
  Batch,
  type Emit,
  type OperatorSpec,
  type PartitionStatus,
  type Stage,
  type StageContext,
  type StateChange,
} from "../stage.js";
import { ChangeLog } from "../state/change-log.js";
import { jsonCodec } from "../state/codec.js";
import { type PartitionTime, PartitionWatermarks } from "../time/watermark.js";
import { without } from "./guard.js";

/** How event time moves on. The policy for values without a usable time is added where streams are described. */
export interface EventTimeOptions {
  /** How far a value may be behind the latest one of its partition and still be expected. Default 0: times within a partition do not fall. */
  readonly maxOutOfOrderness?: Duration;
  /** A partition that was read to its end and brings nothing for this long no longer holds the others back. Default 1 minute. */
  readonly idleTimeout?: Duration;
  /** A time more than this ahead of the clock is refused (`E_TIME`). Default 1 day; `false`: any; never under a virtual clock. */
  readonly maxAhead?: Duration | false;
  /** A partition more than this ahead of the slowest is not read on for now. Default 1 hour. */
  readonly maxSkew?: Duration;
  /** When nothing comes from any partition the watermark moves on with the clock. Results then depend on when values come. */
  readonly advanceOnSilence?: boolean;
}

type TimeOf<T> = "source" | ((value: T) => number | Date);

/** The latest time a Date can hold. */
const MAX_TIME = 8.64e15;
/** How often the watermark moves on while nothing comes. */
const SILENCE_STEP_MS = 200;

/**
 * Gives each value its event time, in whole milliseconds, and says by watermarks how far time has come. A partition's watermark is
 * `max − maxOutOfOrderness − 1`; the stream's is the minimum over the partitions that are not idle, and it follows the values it is
 * about. A value that comes at or behind its own partition's watermark (t ≤ W + 1) is marked with that watermark: whether it is late
 * is decided by the mark, and so does not depend on how values are cut into batches or how partitions are read in turns.
 *
 * A time that is not a number, infinite, or further than `maxAhead` from the clock fails with `E_TIME` by the operator's error policy:
 * the value does not pass and time does not move.
 *
 * Throws `E_DURATION` or `E_ARGUMENT` for options that can not be right.
 */
export function eventTime<T>(time: TimeOf<T>, options: EventTimeOptions = {}): OperatorSpec {
  requireArgument(
    time === "source" || typeof time === "function",
    `eventTime: the first argument is "source" or a function; it is ${preview(time)}`,
  );
  const plan: Plan = {
    boundMs: Math.ceil(durationOrZeroMs(options.maxOutOfOrderness ?? 0, "eventTime: maxOutOfOrderness")),
    idleTimeoutMs: durationMs(options.idleTimeout ?? "1m", "eventTime: idleTimeout"),
    maxAheadMs:
      options.maxAhead === false
        ? Number.POSITIVE_INFINITY
        : durationMs(options.maxAhead ?? "1d", "eventTime: maxAhead"),
    maxSkewMs: durationMs(options.maxSkew ?? "1h", "eventTime: maxSkew"),
    advanceOnSilence: options.advanceOnSilence === true,
  };
  return {
    kind: "eventTime",
    make: (context) => new EventTimeStage(time as TimeOf<unknown>, plan, context),
    eventTime: "assigns",
    reads: { times: time === "source" },
    origins: "keep",
    ...(plan.advanceOnSilence ? { lowers: "with advanceOnSilence the watermark depends on when values come" } : {}),
  };
}

interface Plan {
  readonly boundMs: number;
  readonly idleTimeoutMs: number;
  readonly maxAheadMs: number;
  readonly maxSkewMs: number;
  readonly advanceOnSilence: boolean;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** Entries of the state: the merged watermark, and each partition's by its name. */
const MERGED = "merged";
const PARTITION = "partition|";

class EventTimeStage implements Stage {
  readonly #time: TimeOf<unknown>;
  readonly #plan: Plan;
  readonly #context: StageContext;
  readonly #marks: PartitionWatermarks;
  readonly #codec = jsonCodec<number>("eventTime");
  readonly #changes = new ChangeLog<string>();
  /** Since when, by the clock, nothing comes and the watermark has not been moved on for it. NaN: something comes. */
  #silentSince = Number.NaN;
  /** The last watermark passed on said that all partitions are idle. */
  #saidIdle = false;

  constructor(time: TimeOf<unknown>, plan: Plan, context: StageContext) {
    this.#time = time;
    this.#plan = plan;
    this.#context = context;
    this.#marks = new PartitionWatermarks(plan.idleTimeoutMs);
  }

  onBatch(batch: Batch, emit: Emit): void {
    const id = batch.partition ?? "";
    const partition = this.#marks.active(id);
    this.#silentSince = Number.NaN;
    const before = partition.watermark;
    // Whoever merges this stream with others must wait for it again before the values come.
    if (this.#marks.revive() && this.#saidIdle) this.#pass();
    const stamped = this.#stamp(batch, partition);
    if (stamped.values.length > 0) emit(stamped);
    if (partition.watermark === before) return;
    this.#changes.touch(PARTITION + id);
    this.#context.partitionTime(id, partition.watermark, this.#plan.maxSkewMs);
    if (this.#marks.rose(before)) this.#pass();
  }

  onPartition({ partition, status }: PartitionStatus): void {
    if (status === "assigned") {
      const { idle, watermark } = this.#marks.assigned(partition);
      this.#context.partitionTime(partition, idle ? Number.POSITIVE_INFINITY : watermark, this.#plan.maxSkewMs);
      // Partitions are assigned one by one: time must not run ahead to the first ones before the others are there.
      if (this.#marks.revive() && this.#saidIdle) this.#pass();
    } else if (status === "ended") {
      this.#marks.ended(partition);
      this.#merge();
    } else {
      this.#marks.caughtUp(partition, this.#context.clock.now());
    }
    this.#awaitSilence();
  }

  onTimer(now: number): void {
    for (const { id } of this.#marks.expire(now))
      this.#context.partitionTime(id, Number.POSITIVE_INFINITY, this.#plan.maxSkewMs);
    this.#merge();
    if (this.#silentSince < now && this.#marks.lift(this.#marks.time + now - this.#silentSince)) {
      this.#silentSince = now;
      this.#pass();
    }
    this.#awaitSilence();
  }

  onStart(): void {
    if (this.#marks.time !== Number.NEGATIVE_INFINITY) this.#pass();
  }

  snapshot(): StateChange[] {
    const watermarks = new Map([[MERGED, this.#marks.time]]);
    for (const { id, watermark } of this.#marks.partitions()) watermarks.set(PARTITION + id, watermark);
    const changes: StateChange[] = [];
    for (const name of this.#changes.snapshot()) {
      const time = watermarks.get(name) ?? Number.NEGATIVE_INFINITY;
      // +∞ stands for the end of one run's input; it is not a time to go on from.
      if (Number.isFinite(time)) changes.push([encoder.encode(name), this.#codec.encode(time)]);
    }
    return changes;
  }

  committed(): void {
    this.#changes.committed();
  }

  restore(entries: Iterable<readonly [key: Uint8Array, value: Uint8Array]>): void {
    for (const [key, value] of entries) {
      const name = decoder.decode(key);
      const time = this.#codec.decode(value, this.#codec.version);
      if (name === MERGED) this.#marks.lift(time);
      else this.#marks.restore(name.slice(PARTITION.length), time);
    }
  }

  waiting(): string | undefined {
    const slowest = this.#marks.slowest();
    if (slowest === undefined) return undefined;
    const idle = [...this.#marks.partitions()]
      .filter((partition) => partition.member && partition.idle)
      .map(({ id }) => `"${id}"`);
    const at =
      slowest.watermark === Number.NEGATIVE_INFINITY
        ? "has had no value yet"
        : `is at ${new Date(slowest.watermark).toISOString()}`;
    const caughtUp = slowest.idleAt === Number.POSITIVE_INFINITY ? "" : ", read to its end";
    const others = idle.length === 0 ? "" : `; idle: ${idle.join(", ")}`;
    return `event time is held by partition "${slowest.id}", which ${at}${caughtUp}${others}`;
  }

  /** The values that have a time, with it; marks only where a value came at or behind its partition's watermark. */
  #stamp(batch: Batch, partition: PartitionTime): Batch {
    const count = batch.values.length;
    const times = new Array<number>(count);
    const latest = this.#latest();
    let marks: number[] | null = null;
    let failed: number[] | undefined;
    let watermark = partition.watermark;
    let next = 0;
    while (next < count) {
      try {
        for (; next < count; next++) {
          const time = this.#read(batch, next, latest);
          times[next] = time;
          if (time <= watermark + 1) {
            marks ??= new Array<number>(count).fill(Number.NaN);
            marks[next] = watermark;
          } else if (time - this.#plan.boundMs - 1 > watermark) {
            watermark = time - this.#plan.boundMs - 1;
          }
        }
      } catch (error) {
        this.#context.fail(error, batch, next);
        failed ??= [];
        failed.push(next++);
      }
    }
    partition.watermark = watermark;
    const stamped = new Batch(batch.values, times, batch.keys, batch.origins, marks, batch.partition);
    return failed === undefined ? stamped : without(stamped, failed);
  }

  #read(batch: Batch, place: number, latest: number): number {
    const raw = this.#time === "source" ? sourceTime(batch, place) : this.#time(batch.values[place]);
    const time = typeof raw === "number" ? Math.floor(raw) : raw instanceof Date ? raw.getTime() : Number.NaN;
    if (time <= latest && time >= -MAX_TIME) return time;
    throw this.#refused(raw, time);
  }

  #refused(raw: unknown, time: number): StreamError {
    const message =
      Math.abs(time) <= MAX_TIME
        ? `${new Date(time).toISOString()} is more than maxAhead (${this.#plan.maxAheadMs} ms) ahead of the clock`
        : `${typeof raw === "number" ? raw : raw instanceof Date ? "an invalid Date" : preview(raw)} is no event time: give milliseconds since the epoch or a Date`;
    return new StreamError("E_TIME", message, { operator: this.#context.operator });
  }

  #latest(): number {
    const { maxAheadMs } = this.#plan;
    const { clock } = this.#context;
    return maxAheadMs === Number.POSITIVE_INFINITY || clock.virtual === true
      ? MAX_TIME
      : Math.min(MAX_TIME, clock.now() + maxAheadMs);
  }

  #merge(): void {
    if (this.#marks.combine()) this.#pass();
  }

  #pass(): void {
    this.#changes.touch(MERGED);
    const moves = this.#plan.advanceOnSilence && this.#marks.time !== Number.NEGATIVE_INFINITY;
    this.#saidIdle = this.#marks.idle && !moves;
    this.#context.emitWatermark(this.#marks.time, this.#saidIdle);
  }

  #awaitSilence(): void {
    if (this.#marks.nextIdleAt !== Number.POSITIVE_INFINITY) this.#context.wakeAt(this.#marks.nextIdleAt);
    if (!this.#plan.advanceOnSilence || !this.#marks.silent) return;
    const now = this.#context.clock.now();
    if (Number.isNaN(this.#silentSince)) this.#silentSince = now;
    this.#context.wakeAt(now + SILENCE_STEP_MS);
  }
}

function sourceTime(batch: Batch, place: number): number {
  if (batch.times === null)
    throw new StreamError("E_TIME", 'the source gives no event times: give eventTime() a function instead of "source"');
  return batch.times[place] as number;
}
