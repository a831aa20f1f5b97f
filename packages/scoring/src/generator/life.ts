import type { EventType, Payload } from "../event/event.js";
import { type Prng, prngFor } from "./prng.js";
import type { Relations } from "./relations.js";
import type { SyntheticCitizen } from "./synthetic-citizens.js";
import type { Burst } from "./tempo.js";

/** Something that happened, before it is an event of the contract. */
export interface Happening {
  readonly eventType: EventType;
  readonly eventSubtype: string;
  readonly sourceSystem: string;
  readonly payload: Payload;
}

/** What a life's events depend on: what happened before, and how the citizen fares. */
export interface LifeContext {
  readonly citizen: SyntheticCitizen;
  readonly index: number;
  readonly prng: Prng;
  readonly at: number;
  readonly employed: boolean;
  /** 0 to 1, fading within days. */
  readonly afterGambling: number;
  readonly afterVolunteering: number;
  readonly burst: Burst | undefined;
  readonly relations: Relations;
  readonly citizenIDAt: (index: number) => string;
}

const MS_PER_DAY = 86_400_000;
const MS_PER_WEEK = 7 * MS_PER_DAY;
const JOBLESS_SHARE = 0.06;

/** One citizen's life so far: a random stream of its own for each kind of event, work found and lost, and moods that pass. */
export class Life {
  readonly #seed: number;
  readonly #index: number;
  readonly #streams = new Map<EventType | "kind", Prng>();
  #week = Number.NaN;
  #employed = true;
  #gambledAt = Number.NEGATIVE_INFINITY;
  #volunteeredAt = Number.NEGATIVE_INFINITY;

  constructor(seed: number, index: number) {
    this.#seed = seed;
    this.#index = index;
  }

  stream(purpose: EventType | "kind"): Prng {
    let prng = this.#streams.get(purpose);
    if (prng === undefined) {
      prng = prngFor(this.#seed, "life", this.#index, purpose);
      this.#streams.set(purpose, prng);
    }
    return prng;
  }

  /** A regime lasts for weeks: who lost a job four weeks ago or less has none. */
  employed(at: number): boolean {
    const week = Math.floor(at / MS_PER_WEEK);
    if (week !== this.#week) {
      this.#week = week;
      this.#employed = [0, 1, 2, 3].every(
        (ago) => !prngFor(this.#seed, "job", this.#index, week - ago).chance(JOBLESS_SHARE / 4),
      );
    }
    return this.#employed;
  }

  afterGambling(at: number): number {
    return Math.exp((this.#gambledAt - at) / (2 * MS_PER_DAY));
  }

  afterVolunteering(at: number): number {
    return Math.exp((this.#volunteeredAt - at) / (4 * MS_PER_DAY));
  }

  remember({ eventSubtype }: Happening, at: number): void {
    if (eventSubtype === "gambling") this.#gambledAt = at;
    else if (eventSubtype === "volunteering") this.#volunteeredAt = at;
  }
}
