import { type Duration, durationMs } from "../duration.js";
import { requireCount, requireFunction } from "../errors.js";
import { type CallContext, planRetry, type RetryPlan, type RetryPolicy } from "../policy.js";
import type { OperatorSpec, StageContext } from "../stage.js";
import { ByKey, InTurn } from "./admission.js";
import { type AsyncOrder, orderFlags, requireOrder } from "./async-order.js";
import { AsyncStage } from "./async-stage.js";
import { Caller } from "./caller.js";
import { CompletionOrder, InputOrder } from "./outbox.js";
import type { Work } from "./work.js";

/** How an asynchronous function is called. The policy for values that fail is added where streams are described. */
export interface AsyncPolicy<T, U = never> {
  /** Calls in flight. Default 16. */
  readonly concurrency?: number;
  /** "input" (default), "key" or "any": see {@link AsyncOrder}. */
  readonly order?: AsyncOrder;
  /** For each attempt. Default: none. */
  readonly timeout?: Duration;
  /** Repeats a call that failed or took too long, except where it threw a WriteError of class `poison`, or of class `fatal`, which ends the run. Default: no retry. */
  readonly retry?: RetryPolicy;
  /** Turns a failure that retries did not cure into a value, in its place. */
  readonly fallback?: (value: T, error: unknown) => U;
}

const DEFAULT_CONCURRENCY = 16;

/** One value for each value, by a function that returns a promise. */
export function mapAsync<T, U>(
  fn: (value: T, context: CallContext) => PromiseLike<U>,
  options: AsyncPolicy<T, U> = {},
): OperatorSpec {
  requireFunction(fn, "mapAsync()");
  const order = requireOrder(options.order, "mapAsync()");
  const { concurrency = DEFAULT_CONCURRENCY, fallback } = options;
  requireCount(concurrency, 1, "mapAsync(): concurrency");
  const timeoutMs = options.timeout === undefined ? undefined : durationMs(options.timeout, "mapAsync(): timeout");
  const retry = planRetry(options.retry, "mapAsync()", 1);
  return {
    kind: "mapAsync",
    async: true,
    ...orderFlags(order),
    origins: "keep",
    make: (context) => new MapAsyncStage(context, { fn, order, concurrency, timeoutMs, retry, fallback }),
  };
}

interface Plan<T, U> {
  readonly fn: (value: T, context: CallContext) => PromiseLike<U>;
  readonly order: AsyncOrder;
  readonly concurrency: number;
  readonly timeoutMs: number | undefined;
  readonly retry: RetryPlan;
  readonly fallback: ((value: T, error: unknown) => U) | undefined;
}

class MapAsyncStage<T, U> extends AsyncStage {
  readonly #caller: Caller<T, U, Work>;
  readonly #fallback: ((value: T, error: unknown) => U) | undefined;

  constructor(context: StageContext, { fn, order, concurrency, timeoutMs, retry, fallback }: Plan<T, U>) {
    // Values of a key that run one after another have their results in order already.
    const outbox = order === "input" ? new InputOrder(context) : new CompletionOrder(context);
    super(context, outbox, order === "key" ? new ByKey(context.operator) : new InTurn(), concurrency);
    this.#fallback = fallback;
    this.#caller = new Caller<T, U, Work>(context, {
      what: `a call of ${context.operator}`,
      invoke: fn,
      done: (work, place, result) => this.settle(work, place, result),
      failed: (work, place, error, attempts) => this.#failed(work, place, error, attempts),
      timeoutMs,
      retry,
    });
  }

  protected begin(work: Work, place: number): void {
    this.#caller.start(work.batch.values[place] as T, work, place);
  }

  protected cancel(): void {
    this.#caller.close();
  }

  #failed(work: Work, place: number, error: unknown, attempts: number): void {
    if (this.endsRun(error)) return;
    if (this.#fallback === undefined) {
      this.giveUp(work, place, error, attempts);
      return;
    }
    let value: U;
    try {
      value = this.#fallback(work.batch.values[place] as T, error);
    } catch (failure) {
      this.giveUp(work, place, failure, attempts);
      return;
    }
    this.settle(work, place, value);
  }
}
