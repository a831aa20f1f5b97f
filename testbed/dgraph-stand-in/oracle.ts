import { status } from "@grpc/grpc-js";
import type { Changes } from "./graph-store.js";
import { Refusal } from "./refusal.js";

/** A transaction that is neither committed nor given up. */
export interface Pending {
  readonly startTs: number;
  readonly own: Changes;
  readonly keys: Set<string>;
}

const KEYS_BEFORE_SWEEP = 200_000;
/** A client that went away leaves its transactions behind. */
const MOST_PENDING = 10_000;

/** Gives timestamps and decides, as Dgraph Zero, whether a transaction was first at everything that it touched. */
export class Oracle {
  readonly #pending = new Map<number, Pending>();
  /** By conflict key: when it was last committed. */
  readonly #committed = new Map<string, number>();
  #ts = 0;
  commits = 0;
  aborts = 0;

  next(): number {
    return ++this.#ts;
  }

  /** After a restart timestamps go on far behind those that were given. */
  raiseTo(ts: number): void {
    this.#ts = Math.max(this.#ts, ts);
  }

  begin(): Pending {
    const pending: Pending = { startTs: this.next(), own: new Map(), keys: new Set() };
    this.#pending.set(pending.startTs, pending);
    if (this.#pending.size > MOST_PENDING) this.#pending.delete(this.#pending.keys().next().value as number);
    return pending;
  }

  find(startTs: number): Pending | undefined {
    return this.#pending.get(startTs);
  }

  /** The transaction that a client says it is in. One that is not known was aborted, or was lost in a restart. */
  require(startTs: number): Pending {
    const pending = this.#pending.get(startTs);
    if (pending === undefined) throw aborted();
    return pending;
  }

  /** Commits by the keys that the client sends, as Dgraph does: what it leaves out is not looked at. */
  decide(startTs: number, keys: readonly string[]): { readonly pending: Pending; readonly commitTs: number } {
    const pending = this.require(startTs);
    this.#pending.delete(startTs);
    if (keys.some((key) => (this.#committed.get(key) ?? 0) > startTs)) {
      this.aborts++;
      throw aborted();
    }
    const commitTs = this.next();
    for (const key of keys) this.#committed.set(key, commitTs);
    this.commits++;
    this.#sweep();
    return { pending, commitTs };
  }

  discard(startTs: number): void {
    this.#pending.delete(startTs);
  }

  /** As when the schema is altered. */
  abortAll(): void {
    this.#pending.clear();
  }

  #sweep(): void {
    if (this.#committed.size < KEYS_BEFORE_SWEEP) return;
    const oldest = this.#pending.keys().next().value ?? this.#ts;
    for (const [key, ts] of this.#committed) if (ts < oldest) this.#committed.delete(key);
  }
}

function aborted(): Refusal {
  return new Refusal("Transaction has been aborted. Please retry", status.ABORTED);
}
