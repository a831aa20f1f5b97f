import type { CheckpointStore, Clock, Health, Logger } from "../connector.js";
import type { Duration } from "../duration.js";
import type { Key } from "../element.js";
import type { DeliveryLevel } from "../graph/guarantees.js";
import type { Metrics } from "../metrics/metrics.js";

/**
 * How often and where checkpoints are taken.
 *
 * @example
 * ```ts
 * import { type CheckpointOptions, memoryCheckpoints } from "@millrace/core";
 * const checkpoint: CheckpointOptions = { every: "5s", store: memoryCheckpoints(), timeout: "30s" };
 * ```
 */
export interface CheckpointOptions {
  /** From the begin of one to the begin of the next; one at a time. */
  readonly every: Duration;
  readonly store: CheckpointStore;
  /** A checkpoint in which nothing moves for this long is given up (default 1m); three in a row end the run. One that is only slow gets its time. */
  readonly timeout?: Duration;
  /** The source has committed more than the state knows: fail (default), or begin with empty state. */
  readonly onStale?: "fail" | "reset";
  /** State names that may be lost (gone from the topology) or begin empty (new in it). */
  readonly allowDropped?: readonly string[];
}

/**
 * How a topology is run. Everything from outside is injected: clock, randomness, logger, store.
 *
 * @example
 * ```ts
 * import { from, memoryCheckpoints } from "@millrace/core";
 * const lines = from(["a", "b"], { name: "lines" });
 * await lines.countAll({ checkpoint: { every: "5s", store: memoryCheckpoints() }, signal: AbortSignal.timeout(10_000) });
 * ```
 */
export interface RunOptions {
  /** "none": stateful operators over a source that commits may run without a store, and lose their state at the end. */
  readonly checkpoint?: CheckpointOptions | "none";
  /** Refuses to start where a path promises less. */
  readonly delivery?: Exclude<DeliveryLevel, "at-most-once">;
  /** Where a source begins that has neither a checkpoint nor a committed position nor an own `startAt`. Default "earliest". */
  readonly startAt?: "earliest" | "latest" | Date;
  /** At a `stopAt` or stop(): "keep" (default) leaves open windows in state; "fire" also emits them, as `timing: "early"`, after the last checkpoint. */
  readonly atEnd?: "keep" | "fire";
  /**
   * What a channel between two parts holds (default 4,096 values or 8 MB). A checkpoint's barrier waits behind what is in the channels, and
   * a restart does it again: fewer values where a part is slow, such as one that takes 100 values a second, make both short.
   */
  readonly channel?: { readonly values?: number; readonly bytes?: number };
  /** Aborts the run. */
  readonly signal?: AbortSignal;
  /** Default: the computer's. */
  readonly clock?: Clock;
  /** For the jitter of retries. Default `Math.random`. */
  readonly random?: () => number;
  /** Default: warnings and errors to the console. */
  readonly logger?: Logger;
}

/** What a run did. */
export interface RunSummary {
  /** "completed": the input was complete; "stopped": by `stop()`, or a source's `stopAt`. */
  readonly status: "completed" | "stopped";
  /** Values of each operator: received, emitted, late for all or for some windows, passed over by a policy, failed for good. */
  readonly operators: readonly {
    readonly id: string;
    readonly in: number;
    readonly out: number;
    readonly late: number;
    readonly latePartial: number;
    readonly skipped: number;
    readonly failed: number;
  }[];
  /** Values in open windows and buffers that a stop without a store threw away. */
  readonly discarded: number;
}

/** Says in words why a window has not fired, which partition holds the watermark, what waits for what. */
export interface RunHealth extends Health {
  readonly reasons: readonly string[];
}

/**
 * A running topology.
 *
 * @example
 * ```ts
 * import { discardSink, from, intervalSource, topology } from "@millrace/core";
 * const run = topology("ticks", from(intervalSource("1s")).to(discardSink())).start();
 * process.once("SIGTERM", () => void run.stop());
 * await run.done;
 * ```
 */
export interface Run extends AsyncDisposable {
  /** Resolves when the run is over, rejects with the error that ended it. */
  readonly done: Promise<RunSummary>;
  /** Reads no more, takes the last checkpoint, leaves open windows in state. Past `timeout` (default 30s) the run is aborted (E_STOP_TIMEOUT). */
  stop(options?: { readonly timeout?: Duration }): Promise<RunSummary>;
  /** Ends at once, without a checkpoint: `done` rejects with `reason` (default E_ABORTED). */
  abort(reason?: unknown): void;
  /** Stops reading one source, or all. Throws `E_ARGUMENT` for a source that is not there. */
  pause(source?: string): void;
  /** Reads on. */
  resume(source?: string): void;
  /** What was counted and measured until now, also after the end. */
  metrics(): Metrics;
  /** What waits for what, now. */
  health(): RunHealth;
  /** The current state of an operator by its name. Throws E_ARGUMENT where there is none. */
  state(name: string): { get(key: Key): unknown };
}
