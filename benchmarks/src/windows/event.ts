/** What W5 and W6 work on: 10,000 users, one event each 2.5 ms of event time, up to 5 s out of order. */
export interface Event {
  readonly id: string;
  readonly user: string;
  readonly amount: number;
  readonly ts: number;
  readonly type: string;
}

export const MINUTE_MS = 60_000;
export const DISORDER_MS = 5_000;
const USERS = 10_000;
const GAP_MS = 2.5;
const START_MS = 1_700_000_040_000;
const PADDING = "a line of free text that nobody reads but that has to be parsed all the same";

/** Numbers below `bound` that look random and are the same in every engine and language (xorshift32). */
export function sequence(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % bound;
  };
}

/** JSON texts of about 245 bytes. */
export function eventLines(size: number): string[] {
  const random = sequence(2_463_534_242);
  const lines: string[] = [];
  for (let i = 0; i < size; i++) {
    const event = {
      id: `event-${String(i).padStart(10, "0")}`,
      user: `user-${String(random(USERS)).padStart(6, "0")}`,
      amount: 1 + random(10_000),
      ts: START_MS + Math.floor(i * GAP_MS) - random(DISORDER_MS),
      type: random(10) === 0 ? "heartbeat" : "purchase",
      region: "eu-central",
      device: "a1b2c3d4e5f6",
      note: PADDING,
    };
    lines.push(JSON.stringify(event));
  }
  return lines;
}

export const parse = (line: string): Event => JSON.parse(line) as Event;
export const isPurchase = (event: Event): boolean => event.type === "purchase";

/** One window's result for one user. */
export interface Result {
  readonly key: string;
  readonly start: number;
  readonly count: number;
  readonly sum: number;
}

/** Adds results up in any order. Stays below 2^53 for all sizes used here. */
export class ResultChecksum {
  value = 0;

  add(key: string, start: number, count: number, sum: number): void {
    let user = 0;
    for (let i = 5; i < key.length; i++) user = user * 10 + key.charCodeAt(i) - 48;
    this.value += user * 31 + (start / MINUTE_MS - START_MS / MINUTE_MS + 10) * 7 + count * 13 + sum;
  }
}

/** Events to be parsed, or parsed already. */
export type EventInput = { readonly lines: string[] } | { readonly events: Event[] };
