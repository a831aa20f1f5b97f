import { hostname } from "node:os";
import type { Checkpoint, CheckpointDelta, Clock } from "../connector.js";
import { StreamError } from "../errors.js";

/**
 * A holder says so often, in milliseconds, that it is still there.
 *
 * @example
 * ```ts
 * import { type Clock, LEASE_RENEW_MS } from "@millrace/core";
 * const renewLater = (clock: Clock, renew: () => void) => clock.schedule(clock.now() + LEASE_RENEW_MS, renew);
 * ```
 */
export const LEASE_RENEW_MS = 5_000;
/** Not renewed for so long, it is over. */
export const LEASE_LAPSE_MS = 15_000;
const STANDBY_MS = 250;

/** Who holds a task, as a store keeps it that several hosts share. Times are of the run's clock. */
export interface LeaseHolder {
  readonly released: boolean;
  readonly host: string;
  readonly pid: number;
  readonly sinceMs: number;
  readonly renewedMs: number;
}

/** A task that a connection holds. */
export interface HeldLease {
  readonly number: number;
  commit(checkpoint: CheckpointDelta): Promise<void>;
  latestEpoch(): Promise<number | undefined>;
  release(): Promise<void>;
}

/** What came of one try: the lease with what is restored, or who holds the task. Undefined: somebody was faster, try again at once. */
export type LeaseTry<L extends HeldLease> =
  | { readonly lease: L; readonly latest: Checkpoint | undefined }
  | { readonly heldBy: LeaseHolder }
  | undefined;

/**
 * Whether a task may be taken: it was given back, not renewed for 15 s, or is of a process of this host that is gone. Taking it must fence its
 * holder, should it live after all.
 *
 * @example
 * ```ts
 * import { isLeaseOver } from "@millrace/core";
 * isLeaseOver({ released: true, host: "a", pid: 1, sinceMs: 0, renewedMs: 0 }, 5); // true
 * ```
 */
export function isLeaseOver({ released, renewedMs, host, pid }: LeaseHolder, nowMs: number): boolean {
  return released || nowMs - renewedMs > LEASE_LAPSE_MS || (host === hostname() && !isAlive(pid));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It is there, and somebody else's.
    return (error as { readonly code?: string }).code === "EPERM";
  }
}

/**
 * For checkpoint stores that several hosts share: the leases that a connection holds, by task, and the wait for one. The store itself says how
 * a task is taken, committed and given back.
 *
 * @example
 * ```ts
 * import { type CheckpointConnection, type HeldLease, type LeaseTry, type RuntimeContext, TaskLeases } from "@millrace/core";
 * declare function tryToTake(task: string): Promise<LeaseTry<HeldLease>>;
 * function connectionOf(context: RuntimeContext): CheckpointConnection {
 *   const leases = new TaskLeases("table app.tasks", context);
 *   return {
 *     lease: (task, options) => leases.take(task, options, () => tryToTake(task)),
 *     release: (task, number) => leases.release(task, number),
 *     commit: (task, number, checkpoint) => leases.held(task, number).commit(checkpoint),
 *     latestEpoch: (task, number) => leases.held(task, number).latestEpoch(),
 *     close: () => leases.close(),
 *   };
 * }
 * ```
 */
export class TaskLeases<L extends HeldLease> {
  readonly #place: string;
  readonly #clock: Pick<Clock, "now" | "schedule">;
  readonly #signal: AbortSignal;
  readonly #held = new Map<string, L>();

  /** `place` is what errors call the store. */
  constructor(
    place: string,
    context: { readonly clock: Pick<Clock, "now" | "schedule">; readonly signal: AbortSignal },
  ) {
    this.#place = place;
    this.#clock = context.clock;
    this.#signal = context.signal;
  }

  /** Throws `E_LEASE_HELD` where another holds it, or with `wait` tries again four times a second; `E_ABORTED` when the signal ends. */
  async take(
    task: string,
    options: { readonly wait?: boolean; readonly signal?: AbortSignal } | undefined,
    attempt: () => Promise<LeaseTry<L>>,
  ): Promise<{ readonly number: number; readonly latest: Checkpoint | undefined }> {
    const { wait = false, signal = this.#signal } = options ?? {};
    for (;;) {
      if (signal.aborted)
        throw new StreamError("E_ABORTED", "the wait for a lease was given up", { cause: signal.reason });
      const tried = await attempt();
      if (tried === undefined) continue;
      if ("lease" in tried) {
        this.#held.set(task, tried.lease);
        return { number: tried.lease.number, latest: tried.latest };
      }
      if (!wait) throw this.#heldBy(task, tried.heldBy);
      await this.#pause(signal);
    }
  }

  /** The lease of this number. Throws `E_FENCED` where it is over. */
  held(task: string, number: number): L {
    const lease = this.#held.get(task);
    if (lease?.number !== number) throw new StreamError("E_FENCED", `the lease ${number} of task "${task}" is over`);
    return lease;
  }

  /** One that is over already is no error. */
  async release(task: string, number: number): Promise<void> {
    const lease = this.#held.get(task);
    if (lease?.number !== number) return;
    this.#held.delete(task);
    await lease.release();
  }

  /** Gives all back. One that can not be given back lapses. */
  async close(): Promise<void> {
    const all = [...this.#held.values()];
    this.#held.clear();
    for (const lease of all) await lease.release().catch(() => {});
  }

  #heldBy(task: string, { host, pid, sinceMs }: LeaseHolder): StreamError {
    return new StreamError(
      "E_LEASE_HELD",
      `task "${task}" in ${this.#place} is run by process ${pid} on ${host} since ${new Date(sinceMs).toISOString()}. Stop that run first; a lease whose process is gone lapses after ${LEASE_LAPSE_MS / 1_000} s`,
    );
  }

  #pause(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel();
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const cancel = this.#clock.schedule(this.#clock.now() + STANDBY_MS, wake);
      signal.addEventListener("abort", wake, { once: true });
    });
  }
}
