import type { Clock } from "../connector.js";
import { type Duration, durationMs } from "../duration.js";
import { requireArgument, StreamError } from "../errors.js";

/** The calls of a wrapped part at which faults can strike. */
export type FaultCall =
  | `source.${"connect" | "open" | "read" | "committed" | "commit"}`
  | `sink.${"connect" | "open" | "write" | "flush"}`
  | `lookup.${"connect" | "fetch"}`
  | `store.${"connect" | "lease" | "commit" | "latestEpoch" | "release"}`;

/**
 * `before` the call reaches the part, or `after` it has succeeded and before the engine hears of it. So an error at
 * `sink.write.after` is a write whose outcome is unknown, and a crash at `store.commit.before` one after all sinks have flushed.
 */
export type FaultPoint = `${FaultCall}.${"before" | "after"}`;

/** What strikes: an error, a call that never ends (but with its signal), one that takes its time, or the end of the process. */
export type Fault =
  | { readonly fail: unknown }
  | { readonly hang: true }
  | { readonly delay: Duration }
  /** What crash() does: `() => process.kill(process.pid, "SIGKILL")`, or whatever ends a simulated process. The call never comes back. */
  | { readonly crash: () => void };

/** Which calls at a point a fault strikes, counted from where the faults planned there before it are over. */
export interface FaultOptions {
  /** Calls that pass unharmed first: 0 by default. */
  readonly after?: number;
  /** Calls that are struck: 1 by default, `Infinity` for all. */
  readonly times?: number;
}

interface Planned {
  readonly fault: Fault;
  after: number;
  times: number;
}

/**
 * Which faults strike where, shared by the parts that are wrapped with it: see faultySource(), faultySink(), faultyLookup() and
 * faultyCheckpoints(). Made by {@link faultPoints}.
 */
export class FaultPoints {
  readonly #planned = new Map<FaultPoint, Planned[]>();
  readonly #reached = new Map<FaultPoint, number>();
  readonly #struck = new Map<FaultPoint, number>();
  readonly #hanging = new Set<() => void>();

  /** Plans a fault. Several at one point strike one after another, in the order they were planned. */
  at(point: FaultPoint, fault: Fault, { after = 0, times = 1 }: FaultOptions = {}): this {
    requireArgument(
      Number.isInteger(after) && after >= 0,
      `fault at ${point}: after must be a whole number from 0; it is ${after}`,
    );
    requireArgument(
      times === Number.POSITIVE_INFINITY || (Number.isInteger(times) && times >= 1),
      `fault at ${point}: times must be a whole number from 1, or Infinity; it is ${times}`,
    );
    const planned = this.#planned.get(point) ?? [];
    planned.push({ fault, after, times });
    this.#planned.set(point, planned);
    return this;
  }

  /** How many calls came to this point. */
  reached(point: FaultPoint): number {
    return this.#reached.get(point) ?? 0;
  }

  /** How many faults struck at this point: a test of a fault that did not strike shows nothing. */
  struck(point: FaultPoint): number {
    return this.#struck.get(point) ?? 0;
  }

  /** How many calls hang now. */
  get hanging(): number {
    return this.#hanging.size;
  }

  /** Lets all calls that hang now go on. */
  release(): void {
    for (const go of [...this.#hanging]) go();
  }

  /** Strikes at this point if it is planned; `signal` ends a hanging or delayed call. */
  async pass(point: FaultPoint, world: { readonly clock?: Clock; readonly signal?: AbortSignal } = {}): Promise<void> {
    this.#reached.set(point, this.reached(point) + 1);
    const fault = this.#next(point);
    if (fault === undefined) return;
    this.#struck.set(point, this.struck(point) + 1);
    if ("fail" in fault) throw fault.fail;
    if ("crash" in fault) {
      fault.crash();
      return new Promise(() => {});
    }
    if ("hang" in fault) return this.#wait(world.signal, () => () => {});
    const { clock } = world;
    requireArgument(clock, `fault at ${point}: there is no clock here to delay by`);
    const untilMs = clock.now() + durationMs(fault.delay, `fault at ${point}: delay`);
    return this.#wait(world.signal, (go) => clock.schedule(untilMs, go));
  }

  #next(point: FaultPoint): Fault | undefined {
    const planned = this.#planned.get(point);
    const first = planned?.[0];
    if (planned === undefined || first === undefined) return undefined;
    if (first.after > 0) {
      first.after--;
      return undefined;
    }
    if (--first.times <= 0) planned.shift();
    return first.fault;
  }

  #wait(signal: AbortSignal | undefined, arm: (go: () => void) => () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        cancel();
        this.#hanging.delete(go);
        signal?.removeEventListener("abort", stop);
      };
      const go = (): void => {
        settle();
        resolve();
      };
      const stop = (): void => {
        settle();
        reject(new StreamError("E_ABORTED", "a call held back by a fault was given up", { cause: signal?.reason }));
      };
      this.#hanging.add(go);
      const cancel = arm(go);
      if (signal?.aborted === true) stop();
      else signal?.addEventListener("abort", stop, { once: true });
    });
  }
}

/**
 * No fault anywhere yet; `at()` plans them. A fault that can not be (a negative `after`, no `times`) is refused with `E_ARGUMENT`.
 *
 * @example
 * ```ts
 * import { discardSink, WriteError } from "@millrace/core";
 * import { faultPoints, faultySink } from "@millrace/core/testing";
 * const faults = faultPoints();
 * faults.at("sink.write.after", { fail: new WriteError("unknown-outcome", "E_RESET", "connection reset") }, { after: 3 });
 * faults.at("store.commit.before", { crash: () => process.kill(process.pid, "SIGKILL") });
 * const sink = faultySink(discardSink(), faults);
 * ```
 */
export function faultPoints(): FaultPoints {
  return new FaultPoints();
}
