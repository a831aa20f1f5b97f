import type { Sink } from "./connector.js";
import type { Key } from "./element.js";
import type { AsyncPolicy } from "./operators/map-async.js";
import type { EventTimeOptions } from "./operators/event-time.js";
import type { LookupPolicy } from "./operators/lookup.js";
import type { BatchPolicy, DeadLetter, RetryPolicy } from "./policy.js";
import type { Stream } from "./stream.js";
import type { Topology } from "./topology.js";
import type { WindowPolicy } from "./windows/window.js";
import type { Late } from "./windows/window.js";

/**
 * Anything that can end a stream: a sink, or a branch that ends in one.
 *
 * @example
 * ```ts
 * import { discardSink, type DeadLetter, type Target } from "@millrace/core";
 * const quiet: Target<DeadLetter<unknown>> = discardSink();
 * const texts: Target<DeadLetter<unknown>> = (letters) => letters.map((letter) => letter.error.message).to(discardSink());
 * ```
 */
export type Target<T> = Sink<T> | ((branch: Stream<T>) => Topology);

/** What happens to a value that could not be processed: the run fails (default), it is counted and passed over, or it goes to a target. */
export type OnError<T> = "fail" | "skip" | Target<DeadLetter<T>>;

/** A reusable piece of a stream is a plain function, used with `via`. */
export type Flow<In, Out> = (input: Stream<In>) => Stream<Out>;

/** Options of `mapAsync`. */
export interface AsyncOptions<T, U = never> extends AsyncPolicy<T, U> {
  readonly onError?: OnError<T>;
}

/** Options of `lookup`. */
export interface LookupOptions<T> extends LookupPolicy {
  readonly onError?: OnError<T>;
}

/** Options of `eventTime`. */
export interface WatermarkOptions<T> extends EventTimeOptions {
  /** For values whose time is NaN, infinite or too far ahead. */
  readonly onError?: OnError<T>;
}

/** Options of `window`. */
export interface WindowOptions<T> extends WindowPolicy {
  /** Gets each value that came too late for all its windows, once. Without it they are counted, and warned of once. */
  readonly late?: Target<Late<T>>;
}

/** Options of `to`. */
export interface SinkOptions<T> {
  /** Its id in the topology; default: the sink's name. */
  readonly name?: string;
  readonly batch?: BatchPolicy;
  /** Writes in flight (default 1). */
  readonly concurrency?: number;
  /** "input": one write after another; "key": values of a key in order; "any". Default "input", or "key" on a keyed stream with concurrency. */
  readonly order?: "input" | "key" | "any";
  /** Default: 10 tries. */
  readonly retry?: RetryPolicy;
  readonly onError?: OnError<T>;
}

/** Options of the joins. `allowedLateness` is for window joins; an interval join is late at t < W. */
export interface JoinOptions<T> {
  readonly late?: Target<Late<T>>;
  readonly allowedLateness?: import("./duration.js").Duration;
  /** Most values kept a side and key (default 100,000); one more ends the run (E_STATE_LIMIT), since dropping it would lose results. */
  readonly maxKeep?: number;
}

/** What a join's function is told. `window` is there in window joins. */
export interface JoinContext<out K extends Key | undefined> {
  readonly key: K;
  readonly window: import("./windows/window.js").TimeSpan | undefined;
}
