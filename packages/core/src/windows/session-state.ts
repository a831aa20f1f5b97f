import type { Key } from "../element.js";
import type { Logged } from "../state/state-log.js";
import type { TimeSpan } from "./window.js";
import type { Holding } from "./window-setup.js";

/** A session of a key. It grows, and takes others in. */
export interface Session<A> extends Holding<A> {
  gone: boolean;
  readonly owner: Sessions<A>;
  /** In the order sessions began, for those that are due together. */
  readonly order: number;
  start: number;
  end: number;
  firing: number;
  /** Windows it has given results for and is no longer. */
  replaces: TimeSpan[];
  /** Its end has been reached, and it has fired. */
  closed: boolean;
  /** The one place in the row of deadlines that counts. */
  deadline: number;
  /** When it fires early by event time; NaN: not. */
  earlyAt: number;
}

/** The sessions of a key: one piece of state. */
export interface Sessions<A> extends Logged {
  readonly key: Key | undefined;
  readonly list: Session<A>[];
}

/** A session as it is saved. */
export type SavedSession<A> = [
  start: number,
  end: number,
  accumulator: A,
  added: number,
  firing: number,
  dueAt: number | null,
  replaces: TimeSpan[],
];

/** A session that has just begun. */
export function newSession<A>(owner: Sessions<A>, order: number, { start, end }: TimeSpan, accumulator: A): Session<A> {
  return {
    owner,
    order,
    start,
    end,
    accumulator,
    added: 0,
    firing: 0,
    replaces: [],
    closed: false,
    dueAt: undefined,
    deadline: Number.NaN,
    earlyAt: Number.NaN,
    gone: false,
  };
}

export function savedSession<A>({
  start,
  end,
  accumulator,
  added,
  firing,
  dueAt,
  replaces,
}: Session<A>): SavedSession<A> {
  return [start, end, accumulator, added, firing, dueAt ?? null, replaces];
}

export function byOrder(left: { readonly order: number }, right: { readonly order: number }): number {
  return left.order - right.order;
}
