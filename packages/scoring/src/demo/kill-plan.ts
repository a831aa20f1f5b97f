/** When a pipeline is to be killed. */
export type Moment =
  /** So long after its start, however far it is. */
  | { readonly afterMs: number }
  /** So long after it has taken a checkpoint and come so far in the log. */
  | { readonly atMessage: number; readonly thenMs: number };

const MIN_KILLS = 10;
const EXTRA_KILLS = 4;
/** The share of kills that come at any moment after a start. */
const ANY_MOMENT = 0.3;
const ANY_MOMENT_MS = 2_000;
/** Up to one checkpoint interval, so that kills fall anywhere between two of them, and into one. */
const THEN_MS = 1_200;

/** Kills at random moments: at least ten, over the whole log, some of them during the start. */
export function randomKills(total: number, random: () => number): Moment[] {
  const count = MIN_KILLS + Math.floor(random() * (EXTRA_KILLS + 1));
  const places = Array.from({ length: count }, () => Math.floor(total * 0.95 * random())).sort((a, b) => a - b);
  return places.map(
    (atMessage): Moment =>
      random() < ANY_MOMENT ? { afterMs: random() * ANY_MOMENT_MS } : { atMessage, thenMs: random() * THEN_MS },
  );
}

/** For a pipeline that came to the end of the log before its turn to be killed: some moment within such a life. */
export function killWithin(lifeMs: number, random: () => number): Moment {
  return { afterMs: random() * lifeMs * 0.9 };
}
