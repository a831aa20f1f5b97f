/** What a stream can be keyed by. Two keys are the same when they have the same type and value (`1` and `"1"` differ; `NaN` equals itself). */
export type Key = string | number | bigint | boolean;

/**
 * Where a value came from: its source, partition and offset there, and a path that tells values apart that share an offset.
 * It is the same after a replay, so ids made from it are too.
 */
export interface Origin {
  readonly source: string;
  readonly partition: string;
  readonly offset: string | number | bigint;
  /** A path such as `2.0.1`: flatMap appends its emit index, a merge its input number. */
  readonly index: string;
  /**
   * How many results of the same window came before this one; absent for the first. It is no part of {@link originId}, so that a sink
   * that writes by id replaces the earlier result; {@link deliveryId} has it.
   */
  readonly firing?: number;
}

/** A value with what travels beside it: key, event time (ms since the epoch) and origin. */
export interface Element<out K, out T> {
  readonly value: T;
  readonly key: K;
  readonly time: number | undefined;
  readonly origin: Origin | undefined;
}

/**
 * The id of an origin as text: what idempotent sinks use as primary key. Equal after a replay.
 *
 * @example
 * ```ts
 * import { originId } from "@millrace/core";
 * originId({ source: "orders", partition: "2", offset: 17, index: "0" }); // "orders/2/17/0"
 * ```
 */
export function originId(origin: Origin): string {
  return origin.index === ""
    ? `${origin.source}/${origin.partition}/${origin.offset}`
    : `${origin.source}/${origin.partition}/${origin.offset}/${origin.index}`;
}

/**
 * The id of one delivery as text, for sinks that append: where a window gives several results each has its own.
 *
 * @example
 * ```ts
 * import { deliveryId } from "@millrace/core";
 * deliveryId({ source: "orders", partition: "2", offset: 17, index: "", firing: 1 }); // "orders/2/17#1"
 * ```
 */
export function deliveryId(origin: Origin): string {
  return origin.firing === undefined ? originId(origin) : `${originId(origin)}#${origin.firing}`;
}

/** The origin of the n-th value made from one with this origin. */
export function childOrigin(origin: Origin, child: number): Origin {
  const { source, partition, offset, index, firing } = origin;
  const made = { source, partition, offset, index: index === "" ? String(child) : `${index}.${child}` };
  return firing === undefined ? made : { ...made, firing };
}

/** An error type that reads as a sentence: what the compiler shows where a call can not be right. */
export interface StreamTypeError<Sentence extends string> {
  readonly __streamTypeError__: Sentence;
}
