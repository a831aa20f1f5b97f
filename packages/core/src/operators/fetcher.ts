import { type Lookup, WriteError } from "../connector.js";
import type { Key } from "../element.js";
import { messageOf, preview, StreamError } from "../errors.js";
import type { RetryPlan } from "../policy.js";
import type { StageContext } from "../stage.js";
import { Caller } from "./caller.js";
import type { Work } from "./work.js";

/** A key that is asked for, and the values that wait for the answer: none where only the cache does. */
export interface Ask<Q extends Key> {
  readonly key: Q;
  readonly works: Work[];
  readonly places: number[];
  /** The fetch that has it is under way. */
  sent: boolean;
  /** It changed after that, so the answer may be older than that and must not be kept. */
  outdated: boolean;
}

export interface FetchPlan {
  readonly size: number;
  /** How long a part batch waits; undefined: not at all. */
  readonly withinMs: number | undefined;
  readonly concurrency: number;
  readonly timeoutMs: number | undefined;
  readonly retry: RetryPlan;
}

/** Who is told of the answers of a fetch. */
export interface FetchListener<Q extends Key, V> {
  answered(asks: readonly Ask<Q>[], found: ReadonlyMap<Q, V>): void;
  failed(asks: readonly Ask<Q>[], error: unknown, attempts: number): void;
}

/** Asks a lookup for keys, many in one fetch, and for each key only once at a time. */
export class Fetcher<Q extends Key, V> {
  readonly #context: StageContext;
  readonly #table: Lookup<Q, V>;
  readonly #plan: FetchPlan;
  readonly #listener: FetchListener<Q, V>;
  readonly #caller: Caller<readonly Ask<Q>[], ReadonlyMap<Q, V>, readonly Ask<Q>[]>;
  /** Those whose answer others may still wait for. */
  readonly #open = new Map<Q, Ask<Q>>();
  #queue: Ask<Q>[] = [];
  #cancelTimer: (() => void) | undefined;
  /** The part batch has waited long enough. */
  #due = false;
  #dispatching = false;

  constructor(context: StageContext, table: Lookup<Q, V>, plan: FetchPlan, listener: FetchListener<Q, V>) {
    this.#context = context;
    this.#table = table;
    this.#plan = plan;
    this.#listener = listener;
    this.#caller = new Caller(context, {
      what: `a fetch of lookup "${table.name}"`,
      invoke: (asks, call) =>
        table.fetch(
          asks.map(({ key }) => key),
          call,
        ),
      done: (asks, _, found) => this.#answered(asks, found),
      failed: (asks, _, error, attempts) => this.#failed(asks, error, attempts),
      timeoutMs: plan.timeoutMs,
      retry: plan.retry,
    });
  }

  /** The value at this place waits for the key's answer. */
  want(key: Q, work: Work, place: number): void {
    const ask = this.#ask(key);
    ask.works.push(work);
    ask.places.push(place);
  }

  /** Asks for a key though no value waits for it. */
  refresh(key: Q): void {
    this.#ask(key);
  }

  /** The key changed in the store: an answer that is on its way is not for those who ask from now on. */
  invalidate(key: Q): void {
    const ask = this.#open.get(key);
    if (ask === undefined || !ask.sent) return;
    ask.outdated = true;
    this.#open.delete(key);
  }

  /** Anything may have changed. */
  invalidateAll(): void {
    for (const key of [...this.#open.keys()]) this.invalidate(key);
  }

  /** Begins what may begin: full batches, and what is there where nothing waits for a batch to fill. */
  dispatch(): void {
    // A fetch that is answered at once comes back here: the loop that began it goes on with what it left.
    if (this.#dispatching) return;
    this.#dispatching = true;
    while (this.#queue.length > 0 && this.#caller.inFlight < this.#plan.concurrency && this.#batchIsDue()) {
      this.#cancelWait();
      const asks = this.#queue.splice(0, this.#plan.size);
      for (const ask of asks) ask.sent = true;
      this.#caller.start(asks, asks, 0);
    }
    this.#dispatching = false;
  }

  close(): void {
    this.#cancelWait();
    this.#queue = [];
    this.#caller.close();
  }

  #ask(key: Q): Ask<Q> {
    const open = this.#open.get(key);
    if (open !== undefined) return open;
    const ask = { key, works: [], places: [], sent: false, outdated: false };
    this.#open.set(key, ask);
    this.#queue.push(ask);
    return ask;
  }

  /** Full, or not made to wait, or done waiting; else it waits from now on. */
  #batchIsDue(): boolean {
    const { size, withinMs } = this.#plan;
    if (this.#queue.length >= size || withinMs === undefined || this.#due) return true;
    this.#cancelTimer ??= this.#context.clock.schedule(this.#context.clock.now() + withinMs, () => {
      this.#cancelTimer = undefined;
      this.#due = true;
      this.dispatch();
    });
    return false;
  }

  #cancelWait(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#due = false;
  }

  #answered(asks: readonly Ask<Q>[], found: ReadonlyMap<Q, V>): void {
    if (typeof found?.get !== "function") {
      this.#failed(
        asks,
        new StreamError(
          "E_LOOKUP",
          `lookup "${this.#table.name}" must answer with a Map of what it found; it answered ${preview(found)}`,
        ),
        1,
      );
      return;
    }
    this.#close(asks);
    this.#listener.answered(asks, found);
  }

  #failed(asks: readonly Ask<Q>[], error: unknown, attempts: number): void {
    const known = error instanceof WriteError || error instanceof StreamError;
    const reason = known
      ? error
      : new StreamError("E_LOOKUP", `lookup "${this.#table.name}" failed: ${messageOf(error)}`, { cause: error });
    this.#close(asks);
    this.#listener.failed(asks, reason, attempts);
  }

  #close(asks: readonly Ask<Q>[]): void {
    for (const ask of asks) if (this.#open.get(ask.key) === ask) this.#open.delete(ask.key);
  }
}
