import {
  type Clock,
  type SinkCommit,
  type SinkWriter,
  type WriteContext,
  WriteError,
  type WriteOutcome,
} from "../connector.js";
import { type Key, type Origin, originId } from "../element.js";
import { StreamError } from "../errors.js";
import { backoffMs, type DeadLetter, type ErrorClass, type RetryPlan } from "../policy.js";
import { Batch } from "../stage.js";
import { classify } from "./failures.js";
import { selectGroup, type WriteGroup } from "./lane.js";

/** Why a value could not be written, after all retries. */
export interface Rejected {
  readonly group: WriteGroup;
  readonly error: { readonly class: ErrorClass; readonly code: string; readonly message: string };
  readonly attempts: number;
  readonly cause: unknown;
}

/** Dead letters for values that a sink did not take, beside what travelled with them. */
export function rejectedBatch({ group, error, attempts }: Rejected, sink: string, topology: string): Batch {
  const { class: errorClass, code, message } = error;
  const letters = group.values.map((value, i): DeadLetter<unknown> => {
    return {
      value,
      error: { class: errorClass, code, message },
      operator: sink,
      origin: group.origins?.[i],
      attempts,
      firstSeen: group.firstSeen,
      topology,
    };
  });
  return new Batch(letters, complete(group.times), complete(group.keys), complete(group.origins), null, undefined);
}

/** A column that has a value everywhere; else there is none. */
function complete<V>(column: readonly (V | undefined)[] | null): readonly V[] | null {
  return column?.every((each) => each !== undefined) === true ? (column as readonly V[]) : null;
}

export interface WriteWorld {
  readonly sink: string;
  readonly writer: SinkWriter<unknown>;
  /** A second write of the same values changes nothing. */
  readonly repeatable: boolean;
  readonly retry: RetryPlan;
  readonly clock: Clock;
  readonly random: () => number;
  readonly signal: AbortSignal;
  /** Values that stay unwritten; throws where the policy says the run must fail. */
  rejected(rejected: Rejected): void;
  written(count: number): void;
}

type Failure = {
  readonly class: ErrorClass;
  readonly code: string;
  readonly message: string;
  readonly retryAfterMs?: number | undefined;
  readonly atomic: boolean;
  readonly cause: unknown;
};

/**
 * Writes a group until every value of it has its final outcome: written, or rejected. Passing failures are retried; a group refused as a
 * whole is halved, in order, where that is safe; a writer that returns outcomes says itself which values failed.
 */
export async function writeGroup(world: WriteWorld, group: WriteGroup): Promise<void> {
  let left = group;
  const started = world.clock.now();
  for (let attempt = 1; ; attempt++) {
    const result = await attemptWrite(world, left, attempt);
    if (result === "written") {
      world.written(left.values.length);
      return;
    }
    const next = Array.isArray(result)
      ? settleEach(world, left, result as readonly WriteOutcome[], attempt)
      : await settleWhole(world, left, result as Failure, attempt);
    if (next === undefined) return;
    left = next.group;
    const waitMs = pauseMs(world, attempt, started, next.retryAfterMs);
    if (waitMs === undefined) {
      world.rejected({ group: left, error: next.failure, attempts: attempt, cause: next.failure.cause });
      return;
    }
    await waitFor(world.clock, waitMs, world.signal);
  }
}

/** A flush that fails in passing is tried again like a write: nothing was confirmed yet. */
export async function flushWriter(world: WriteWorld, epoch: number): Promise<SinkCommit | undefined> {
  const started = world.clock.now();
  for (let attempt = 1; ; attempt++) {
    try {
      return (await world.writer.flush?.(epoch)) ?? undefined;
    } catch (error) {
      const failure = failureOf(error);
      const again = isRetryable(failure.class, world.repeatable) && !world.signal.aborted;
      const waitMs = again ? pauseMs(world, attempt, started, failure.retryAfterMs) : undefined;
      if (waitMs === undefined) throw error;
      await waitFor(world.clock, waitMs, world.signal);
    }
  }
}

/** How long to wait before the next attempt; undefined: there is none. */
function pauseMs(
  { retry, clock, random }: WriteWorld,
  attempt: number,
  started: number,
  retryAfterMs: number | undefined,
): number | undefined {
  const waitMs = Math.max(retryAfterMs ?? 0, backoffMs(retry, attempt, random));
  return attempt >= retry.attempts || clock.now() + waitMs - started > retry.maxElapsedMs ? undefined : waitMs;
}

function failureOf(error: unknown): Failure {
  return {
    ...classify(error, "transient"),
    retryAfterMs: error instanceof WriteError ? error.retryAfterMs : undefined,
    atomic: error instanceof WriteError && error.atomic,
    cause: error,
  };
}

/** What travels beside the values of a write. Columns nobody looks at are not made. */
class GroupContext implements WriteContext {
  readonly signal: AbortSignal;
  readonly attempt: number;
  readonly #group: WriteGroup;
  #ids: readonly (string | undefined)[] | undefined;
  #none: undefined[] | undefined;

  constructor(signal: AbortSignal, attempt: number, group: WriteGroup) {
    this.signal = signal;
    this.attempt = attempt;
    this.#group = group;
  }

  get ids(): readonly (string | undefined)[] {
    this.#ids ??= this.origins.map((origin) => (origin === undefined ? undefined : originId(origin)));
    return this.#ids;
  }

  get keys(): readonly (Key | undefined)[] {
    return this.#group.keys ?? this.#nothing();
  }

  get times(): readonly (number | undefined)[] {
    return this.#group.times ?? this.#nothing();
  }

  get origins(): readonly (Origin | undefined)[] {
    return this.#group.origins ?? this.#nothing();
  }

  #nothing(): readonly undefined[] {
    this.#none ??= new Array(this.#group.values.length).fill(undefined);
    return this.#none;
  }
}

type Again = { readonly group: WriteGroup; readonly failure: Failure; readonly retryAfterMs: number | undefined };

async function attemptWrite(
  world: WriteWorld,
  group: WriteGroup,
  attempt: number,
): Promise<"written" | readonly WriteOutcome[] | Failure> {
  world.signal.throwIfAborted();
  try {
    const outcomes = await world.writer.write(group.values, new GroupContext(world.signal, attempt, group));
    if (outcomes === undefined) return "written";
    if (outcomes.length !== group.values.length)
      throw new StreamError(
        "E_SINK_OUTCOMES",
        `sink "${world.sink}" returned ${outcomes.length} outcomes for ${group.values.length} values: write() must return one for each, or nothing`,
      );
    return outcomes.every((outcome) => outcome === "written") ? "written" : outcomes;
  } catch (error) {
    if (world.signal.aborted) throw error;
    if (error instanceof StreamError && error.code === "E_SINK_OUTCOMES") throw error;
    return failureOf(error);
  }
}

/** One outcome a value: the written ones are done, the hopeless ones rejected, the rest is to be tried again. */
function settleEach(
  world: WriteWorld,
  group: WriteGroup,
  outcomes: readonly WriteOutcome[],
  attempt: number,
): Again | undefined {
  const again: number[] = [];
  let failure: Failure | undefined;
  let written = 0;
  let retryAfterMs: number | undefined;
  outcomes.forEach((outcome, i) => {
    if (outcome === "written") {
      written++;
      return;
    }
    const cause = new WriteError(outcome.class, outcome.code, outcome.message);
    if (!isRetryable(outcome.class, world.repeatable)) {
      world.rejected({ group: selectGroup(group, [i]), error: outcome, attempts: attempt, cause });
      return;
    }
    again.push(i);
    failure ??= { ...outcome, atomic: false, cause };
    if (outcome.retryAfterMs !== undefined) retryAfterMs = Math.max(retryAfterMs ?? 0, outcome.retryAfterMs);
  });
  world.written(written);
  return failure === undefined ? undefined : { group: selectGroup(group, again), failure, retryAfterMs };
}

async function settleWhole(
  world: WriteWorld,
  group: WriteGroup,
  failure: Failure,
  attempt: number,
): Promise<Again | undefined> {
  if (isRetryable(failure.class, world.repeatable)) return { group, failure, retryAfterMs: failure.retryAfterMs };
  const count = group.values.length;
  if (failure.class === "poison" && count > 1 && (world.repeatable || failure.atomic)) {
    const middle = count >> 1;
    const places = Array.from({ length: count }, (_, i) => i);
    await writeGroup(world, selectGroup(group, places.slice(0, middle)));
    await writeGroup(world, selectGroup(group, places.slice(middle)));
    return undefined;
  }
  world.rejected({ group, error: failure, attempts: attempt, cause: failure.cause });
  return undefined;
}

function isRetryable(errorClass: ErrorClass, repeatable: boolean): boolean {
  return (
    errorClass === "transient" ||
    errorClass === "throttled" ||
    errorClass === "conflict" ||
    (errorClass === "unknown-outcome" && repeatable)
  );
}

/** Waits by the run's clock; rejects at once when the run is aborted. */
export function waitFor(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const aborted = (): void => {
      cancel();
      reject(signal.reason);
    };
    const cancel = clock.schedule(clock.now() + ms, () => {
      signal.removeEventListener("abort", aborted);
      resolve();
    });
    if (signal.aborted) aborted();
    else signal.addEventListener("abort", aborted, { once: true });
  });
}
