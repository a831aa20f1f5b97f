import type { Lookup } from "../connector.js";
import { type Duration, durationMs } from "../duration.js";
import type { Key } from "../element.js";
import { messageOf, requireArgument, requireCount } from "../errors.js";
import { type BatchPolicy, backoffMs, planRetry, type RetryPolicy } from "../policy.js";
import type { OperatorSpec, StageContext } from "../stage.js";
import { InTurn } from "./admission.js";
import { type AsyncOrder, orderFlags, requireOrder } from "./async-order.js";
import { AsyncStage, roomOf } from "./async-stage.js";
import { type Ask, Fetcher, type FetchPlan } from "./fetcher.js";
import { requireKey } from "./key-by.js";
import { KeyOrder } from "./key-order.js";
import { LookupCache, type LookupCachePlan } from "./lookup-cache.js";
import { CompletionOrder, InputOrder } from "./outbox.js";
import type { Work } from "./work.js";

/** How a lookup is asked. The policy for values that fail is added where streams are described. */
export interface LookupPolicy {
  /** Keys in one fetch. Default: up to 100 of those that are there. */
  readonly batch?: BatchPolicy;
  /** Fetches in flight. Default 8. */
  readonly concurrency?: number;
  /** Default "input". */
  readonly order?: AsyncOrder;
  /** For each attempt of a fetch. Default: none. */
  readonly timeout?: Duration;
  /** Repeats a fetch that failed or took too long. Default: no retry. */
  readonly retry?: RetryPolicy;
  /**
   * Keeps up to `max` answers for `ttl`, misses for `missTtl` (default: not at all). With `staleWhileRevalidate` an answer that is older is
   * given once more while a new one is fetched. A lookup that tells of its changes has the changed keys fetched anew at once.
   */
  readonly cache?: {
    readonly max: number;
    readonly ttl: Duration;
    readonly missTtl?: Duration;
    readonly staleWhileRevalidate?: boolean;
  };
}

const DEFAULT_SIZE = 100;
const DEFAULT_CONCURRENCY = 8;
/** After a refresh that failed the old answer is good for this long, so that a store that is down is not asked for every value. */
const REFRESH_PAUSE_MS = 1_000;
/** A feed of changes that broke is begun again after a growing pause. */
const FEED_RETRY = planRetry({ attempts: 1 }, "lookup", 1);

/**
 * Each value together with what a table has for its key, undefined where it has nothing. Keys are fetched many at a time, each only once
 * at a time. What is found may be older than the value, and newer at a replay.
 */
export function lookup<T, Q extends Key, V, R>(
  key: (value: T) => Q,
  table: Lookup<Q, V>,
  combine: (value: T, found: V | undefined) => R,
  options: LookupPolicy = {},
): OperatorSpec {
  const what = `lookup "${table?.name}"`;
  requireArgument(typeof table?.fetch === "function", `${what}: the second argument must have fetch(keys)`);
  const order = requireOrder(options.order, what);
  const plan = { key, table, combine, order, fetch: fetchPlan(options, what), cache: cachePlan(options, what) };
  return {
    kind: "lookup",
    async: true,
    ...orderFlags(order),
    lowers: `what "${table.name}" answers may be stale, and may be another answer after a replay`,
    origins: "keep",
    resources: [table],
    make: (context) => new LookupStage(context, plan),
  };
}

function fetchPlan(
  { batch, concurrency = DEFAULT_CONCURRENCY, timeout, retry }: LookupPolicy,
  what: string,
): FetchPlan {
  const { size = DEFAULT_SIZE, within } = batch ?? {};
  requireCount(size, 1, `${what}: batch.size`);
  requireCount(concurrency, 1, `${what}: concurrency`);
  return {
    size,
    withinMs: within === undefined ? undefined : durationMs(within, `${what}: batch.within`),
    concurrency,
    timeoutMs: timeout === undefined ? undefined : durationMs(timeout, `${what}: timeout`),
    retry: planRetry(retry, what, 1),
  };
}

function cachePlan(
  { cache }: LookupPolicy,
  what: string,
): (LookupCachePlan & { readonly revalidates: boolean }) | undefined {
  if (cache === undefined) return undefined;
  requireCount(cache.max, 1, `${what}: cache.max`);
  return {
    max: cache.max,
    ttlMs: durationMs(cache.ttl, `${what}: cache.ttl`),
    missTtlMs: cache.missTtl === undefined ? undefined : durationMs(cache.missTtl, `${what}: cache.missTtl`),
    revalidates: cache.staleWhileRevalidate === true,
  };
}

interface Plan<T, Q extends Key, V, R> {
  readonly key: (value: T) => Q;
  readonly table: Lookup<Q, V>;
  readonly combine: (value: T, found: V | undefined) => R;
  readonly order: AsyncOrder;
  readonly fetch: FetchPlan;
  readonly cache: (LookupCachePlan & { readonly revalidates: boolean }) | undefined;
}

class LookupStage<T, Q extends Key, V, R> extends AsyncStage {
  readonly #plan: Plan<T, Q, V, R>;
  readonly #fetcher: Fetcher<Q, V>;
  readonly #cache: LookupCache<Q, V> | undefined;
  readonly #feed = new AbortController();
  #feedFailures = 0;

  constructor(context: StageContext, plan: Plan<T, Q, V, R>) {
    const { order, fetch, cache } = plan;
    const outbox =
      order === "input"
        ? new InputOrder(context)
        : order === "key"
          ? new KeyOrder(context)
          : new CompletionOrder(context);
    // Values wait for a fetch, not for a call of their own, so as many are taken in as all fetches could be for.
    super(context, outbox, new InTurn(), Math.max(roomOf(context), fetch.size * fetch.concurrency));
    this.#plan = plan;
    this.#cache = cache === undefined ? undefined : new LookupCache(cache);
    if (cache !== undefined) Object.assign(context.counters, { cacheHits: 0, cacheMisses: 0 });
    this.#fetcher = new Fetcher(context, plan.table, fetch, {
      answered: (asks, found) => this.together(() => this.#answered(asks, found)),
      failed: (asks, error, attempts) => this.together(() => this.#failed(asks, error, attempts)),
    });
  }

  onStart(): void {
    if (this.#cache !== undefined && this.#plan.table.changes !== undefined) this.#follow();
  }

  protected begin(work: Work, place: number): void {
    let key: Q;
    try {
      key = requireKey(this.#plan.key(work.batch.values[place] as T)) as Q;
    } catch (error) {
      this.giveUp(work, place, error, 1);
      return;
    }
    const kept = this.#kept(key);
    if (this.#cache !== undefined) this.#count(kept === undefined ? "cacheMisses" : "cacheHits");
    if (kept === undefined) this.#fetcher.want(key, work, place);
    else this.#combine(work, place, kept.value);
  }

  /** What is kept for a key and may be used. */
  #kept(key: Q): { readonly value: V | undefined } | undefined {
    const kept = this.#cache?.use(key);
    if (kept === undefined || kept.until > this.context.clock.now()) return kept;
    if (this.#plan.cache?.revalidates === true) {
      this.#fetcher.refresh(key);
      return kept;
    }
    this.#cache?.delete(key);
    return undefined;
  }

  #count(counter: "cacheHits" | "cacheMisses"): void {
    const { counters } = this.context;
    counters[counter] = (counters[counter] ?? 0) + 1;
  }

  protected override begunAll(): void {
    this.#fetcher.dispatch();
  }

  protected cancel(): void {
    this.#feed.abort();
    this.#fetcher.close();
  }

  #answered(asks: readonly Ask<Q>[], found: ReadonlyMap<Q, V>): void {
    const now = this.context.clock.now();
    for (const { key, works, places, outdated } of asks) {
      const value = found.get(key);
      if (!outdated) this.#cache?.set(key, value, now);
      for (const [i, work] of works.entries()) this.#combine(work, places[i] as number, value);
    }
  }

  #failed(asks: readonly Ask<Q>[], error: unknown, attempts: number): void {
    if (this.endsRun(error)) return;
    for (const { key, works, places } of asks) {
      if (works.length === 0) this.#refreshFailed(key, error);
      for (const [i, work] of works.entries()) this.giveUp(work, places[i] as number, error, attempts);
    }
  }

  /** The old answer stays, and is not asked for again at once. */
  #refreshFailed(key: Q, error: unknown): void {
    this.context.logger.warn(
      `lookup "${this.#plan.table.name}": a kept answer could not be refreshed, so the old one is given on`,
      { operator: this.context.operator, error: messageOf(error) },
    );
    const kept = this.#cache?.use(key);
    if (kept !== undefined)
      kept.until = this.context.clock.now() + Math.min(REFRESH_PAUSE_MS, this.#plan.cache?.ttlMs ?? 0);
  }

  #combine(work: Work, place: number, found: V | undefined): void {
    let result: R;
    try {
      result = this.#plan.combine(work.batch.values[place] as T, found);
    } catch (error) {
      this.giveUp(work, place, error, 1);
      return;
    }
    this.settle(work, place, result);
  }

  /** Follows the changes of the table until the stage closes. While nobody tells of changes, nothing that was kept is to be trusted. */
  #follow(): void {
    const { signal } = this.#feed;
    const broken = (error: unknown): void => {
      if (signal.aborted) return;
      this.#cache?.clear();
      this.#fetcher.invalidateAll();
      const message = error === undefined ? "it ended" : messageOf(error);
      this.context.logger.warn(`lookup "${this.#plan.table.name}": the feed of changes broke, and is begun again`, {
        operator: this.context.operator,
        error: message,
      });
      const pause = Math.max(FEED_RETRY.delayMs, backoffMs(FEED_RETRY, ++this.#feedFailures, this.context.random));
      const cancel = this.context.clock.schedule(this.context.clock.now() + pause, () => {
        signal.removeEventListener("abort", cancel);
        this.#follow();
      });
      signal.addEventListener("abort", cancel, { once: true });
    };
    try {
      this.#plan.table.changes?.((key) => this.#changed(key), signal).then(() => broken(undefined), broken);
    } catch (error) {
      broken(error);
    }
  }

  #changed(key: Q): void {
    this.#feedFailures = 0;
    this.#cache?.delete(key);
    this.#fetcher.invalidate(key);
  }
}
