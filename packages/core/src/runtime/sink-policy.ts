import { durationMs } from "../duration.js";
import { requireArgument } from "../errors.js";
import type { SinkVertex } from "../graph/graph.js";
import { planRetry, type RetryPlan } from "../policy.js";
import { MAX_BATCH } from "../stage.js";

const DEFAULT_ATTEMPTS = 10;

/** How values reach a sink, with every default filled in. */
export interface SinkPolicy {
  /** Values of a write at most. */
  readonly size: number;
  /** Somebody asked for a size, so writes have it wherever there are enough values. */
  readonly fills: boolean;
  readonly withinMs: number | undefined;
  /** Values of a key stay in one lane. */
  readonly byKey: boolean;
  readonly lanes: number;
  /** Writes of a lane at the same time. */
  readonly writersALane: number;
  readonly retry: RetryPlan;
}

/** What was set where the sink is used goes before what the sink says itself. Throws `E_ARGUMENT`, `E_DURATION`. */
export function sinkPolicy({ id, sink, settings }: SinkVertex, keyed: boolean): SinkPolicy {
  const batch = settings.batch ?? sink.batch;
  const size = batch?.size ?? MAX_BATCH;
  requireArgument(
    Number.isInteger(size) && size >= 1,
    `sink "${id}": batch.size must be a whole number from 1; it is ${size}`,
  );
  const concurrency = settings.concurrency ?? sink.concurrency ?? 1;
  requireArgument(
    Number.isInteger(concurrency) && concurrency >= 1,
    `sink "${id}": concurrency must be a whole number from 1; it is ${concurrency}`,
  );
  const order = settings.order ?? (concurrency > 1 && keyed ? "key" : "input");
  requireArgument(
    order === "input" || order === "key" || order === "any",
    `sink "${id}": order must be "input", "key" or "any"; it is ${JSON.stringify(order)}`,
  );
  return {
    size,
    fills: batch !== undefined,
    withinMs: batch?.within === undefined ? undefined : durationMs(batch.within, `sink "${id}": batch.within`),
    byKey: order === "key",
    lanes: order === "key" ? concurrency : 1,
    writersALane: order === "any" ? concurrency : 1,
    retry: planRetry(settings.retry, `sink "${id}"`, DEFAULT_ATTEMPTS),
  };
}
