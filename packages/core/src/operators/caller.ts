import { WriteError } from "../connector.js";
import { StreamError } from "../errors.js";
import { backoffMs, type CallContext, type RetryPlan } from "../policy.js";
import type { StageContext } from "../stage.js";

/** What is called, and who is told how it went. A ticket says for what. */
export interface CallTask<T, R, K> {
  /** Names the call in errors. */
  readonly what: string;
  invoke(input: T, call: CallContext): PromiseLike<R> | R;
  done(ticket: K, place: number, result: R): void;
  failed(ticket: K, place: number, error: unknown, attempts: number): void;
  /** Milliseconds for one attempt; undefined: no limit. */
  readonly timeoutMs: number | undefined;
  readonly retry: RetryPlan;
}

/** What the called function is given. Most never look at the signal, so none is made before somebody does. */
class Call implements CallContext {
  readonly attempt: number;
  #controller: AbortController | undefined;
  #reason: unknown;
  #ended = false;

  constructor(attempt: number) {
    this.attempt = attempt;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#ended) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.#ended = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
  }
}

/** One running call. It is used again for the next, with the callbacks that were made once, unless a timeout left its promise behind. */
class Slot<T, R, K> {
  input!: T;
  ticket!: K;
  place = 0;
  attempt = 0;
  startedAt = 0;
  call: Call | undefined;
  /** What still comes for it comes too late. */
  left = false;
  readonly resolved: (result: R) => void;
  readonly rejected: (error: unknown) => void;

  constructor(
    resolved: (slot: Slot<T, R, K>, result: R) => void,
    rejected: (slot: Slot<T, R, K>, error: unknown) => void,
  ) {
    this.resolved = (result) => resolved(this, result);
    this.rejected = (error) => rejected(this, error);
  }
}

interface Deadline<T, R, K> {
  readonly at: number;
  readonly slot: Slot<T, R, K>;
  readonly call: Call;
}

/** So many deadlines of calls that are over may lie around before they are cleared away. */
const MAX_STALE = 1_024;

/**
 * Makes asynchronous calls with a timeout for each attempt, retries and a signal. One `then` a call; deadlines are in the order of the
 * starts, so one timer serves them all. What settles after its timeout, or after close(), is ignored.
 */
export class Caller<T, R, K> {
  readonly #context: StageContext;
  readonly #task: CallTask<T, R, K>;
  readonly #all = new Set<Slot<T, R, K>>();
  readonly #free: Slot<T, R, K>[] = [];
  #deadlines: Deadline<T, R, K>[] = [];
  #cancelTimer: (() => void) | undefined;
  readonly #pauses = new Set<() => void>();
  #inFlight = 0;
  #closed = false;
  readonly #aborted = (): void => this.close(this.#context.signal.reason);

  constructor(context: StageContext, task: CallTask<T, R, K>) {
    this.#context = context;
    this.#task = task;
    if (context.signal.aborted) this.#closed = true;
    else context.signal.addEventListener("abort", this.#aborted, { once: true });
  }

  /** Calls that are running or waiting to be tried again. */
  get inFlight(): number {
    return this.#inFlight;
  }

  start(input: T, ticket: K, place: number): void {
    if (this.#closed) return;
    const slot = this.#free.pop() ?? this.#newSlot();
    slot.input = input;
    slot.ticket = ticket;
    slot.place = place;
    slot.attempt = 0;
    if (this.#task.retry.attempts > 1) slot.startedAt = this.#context.clock.now();
    this.#inFlight++;
    this.#attempt(slot);
  }

  /** Aborts the signals of all calls; nobody is told of their results any more. */
  close(reason: unknown = new StreamError("E_ABORTED", `${this.#task.what} was ended`)): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#context.signal.removeEventListener("abort", this.#aborted);
    this.#cancelTimer?.();
    for (const cancel of this.#pauses) cancel();
    for (const slot of this.#all) slot.call?.abort(reason);
  }

  #newSlot(): Slot<T, R, K> {
    const slot = new Slot<T, R, K>(
      (of, result) => this.#resolved(of, result),
      (of, error) => this.#rejected(of, error),
    );
    this.#all.add(slot);
    return slot;
  }

  #attempt(slot: Slot<T, R, K>): void {
    const call = new Call(++slot.attempt);
    slot.call = call;
    if (this.#task.timeoutMs !== undefined) this.#expect(slot, call, this.#task.timeoutMs);
    let result: PromiseLike<R> | R;
    try {
      result = this.#task.invoke(slot.input, call);
    } catch (error) {
      this.#rejected(slot, error);
      return;
    }
    if (result instanceof Promise) result.then(slot.resolved, slot.rejected);
    else if (isThenable(result)) Promise.resolve(result).then(slot.resolved, slot.rejected);
    else this.#resolved(slot, result as R);
  }

  #resolved(slot: Slot<T, R, K>, result: R): void {
    if (slot.left || this.#closed) return;
    const { ticket, place } = slot;
    this.#release(slot);
    this.#task.done(ticket, place, result);
  }

  #rejected(slot: Slot<T, R, K>, error: unknown): void {
    if (slot.left || this.#closed) return;
    slot.call = undefined;
    const wait = this.#pauseFor(slot, error);
    if (wait === undefined) {
      const { ticket, place, attempt } = slot;
      this.#release(slot);
      this.#task.failed(ticket, place, error, attempt);
    } else if (wait === 0) {
      this.#attempt(slot);
    } else {
      const cancel = this.#context.clock.schedule(this.#context.clock.now() + wait, () => {
        this.#pauses.delete(cancel);
        this.#attempt(slot);
      });
      this.#pauses.add(cancel);
    }
  }

  /** How long until the next attempt; undefined: there is none. */
  #pauseFor(slot: Slot<T, R, K>, error: unknown): number | undefined {
    const { retry } = this.#task;
    if (slot.attempt >= retry.attempts) return undefined;
    if (error instanceof WriteError && (error.class === "poison" || error.class === "fatal")) return undefined;
    const asked = error instanceof WriteError ? (error.retryAfterMs ?? 0) : 0;
    const wait = Math.max(asked, Math.round(backoffMs(retry, slot.attempt, this.#context.random)));
    return this.#context.clock.now() + wait - slot.startedAt > retry.maxElapsedMs ? undefined : wait;
  }

  #release(slot: Slot<T, R, K>): void {
    slot.call = undefined;
    this.#inFlight--;
    this.#free.push(slot);
  }

  #expect(slot: Slot<T, R, K>, call: Call, timeoutMs: number): void {
    const at = this.#context.clock.now() + timeoutMs;
    if (this.#deadlines.length > MAX_STALE + 2 * this.#inFlight)
      this.#deadlines = this.#deadlines.filter((deadline) => deadline.slot.call === deadline.call);
    this.#deadlines.push({ at, slot, call });
    if (this.#cancelTimer === undefined) this.#arm(at);
  }

  #arm(at: number): void {
    this.#cancelTimer = this.#context.clock.schedule(at, () => {
      this.#cancelTimer = undefined;
      this.#expire();
    });
  }

  #expire(): void {
    const now = this.#context.clock.now();
    const due = this.#deadlines.findIndex((deadline) => deadline.at > now && deadline.slot.call === deadline.call);
    const past = this.#deadlines.splice(0, due < 0 ? this.#deadlines.length : due);
    const next = this.#deadlines[0];
    if (next !== undefined) this.#arm(next.at);
    for (const { slot, call } of past) if (slot.call === call) this.#timedOut(slot, call);
  }

  /** The promise is left behind with the slot it may still call back; the call goes on, or fails, in another. */
  #timedOut(slot: Slot<T, R, K>, call: Call): void {
    const error = new StreamError("E_TIMEOUT", `${this.#task.what} took longer than ${this.#task.timeoutMs} ms`);
    const heir = this.#newSlot();
    heir.input = slot.input;
    heir.ticket = slot.ticket;
    heir.place = slot.place;
    heir.attempt = slot.attempt;
    heir.startedAt = slot.startedAt;
    slot.left = true;
    slot.call = undefined;
    this.#all.delete(slot);
    call.abort(error);
    this.#rejected(heir, error);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
