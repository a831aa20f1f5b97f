import { Refusal } from "./refusal.js";

export type CallName = "login" | "query" | "mutate" | "alter" | "commitOrAbort" | "checkVersion";

/** What goes wrong with a call. */
export type Fault =
  /** Nothing is done; the client is told so. */
  | { readonly kind: "refuse"; readonly code: number; readonly message: string }
  /** It is done, and the answer is lost: the client sees an error. */
  | { readonly kind: "loseAnswer"; readonly code: number }
  /** It waits before it is done. */
  | { readonly kind: "hold"; readonly until: Promise<void> }
  /** The answer's JSON is this. */
  | { readonly kind: "answer"; readonly json: string };

/** Faults that are to come, by call. A query with mutations is called `mutate`. */
export class Faults {
  #waiting: { readonly call: CallName; readonly fault: Fault; times: number }[] = [];
  /** How often each call came. */
  readonly calls: Map<CallName, number> = new Map();

  /** The next `times` calls go wrong. */
  next(call: CallName, fault: Fault, times = 1): void {
    this.#waiting.push({ call, fault, times });
  }

  clear(): void {
    this.#waiting = [];
  }

  take(call: CallName): Fault | undefined {
    this.calls.set(call, (this.calls.get(call) ?? 0) + 1);
    const found = this.#waiting.find((each) => each.call === call);
    if (found === undefined) return undefined;
    if (--found.times === 0) this.#waiting = this.#waiting.filter((each) => each !== found);
    return found.fault;
  }
}

/** Does a call as its fault wants it. */
export async function underFault<R>(fault: Fault | undefined, work: () => Promise<R>): Promise<R> {
  if (fault?.kind === "refuse") throw new Refusal(fault.message, fault.code);
  if (fault?.kind === "hold") await fault.until;
  const answer = await work();
  if (fault?.kind === "loseAnswer") throw new Refusal("the answer was lost", fault.code);
  return answer;
}
