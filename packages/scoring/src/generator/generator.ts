import type { EventType } from "../event/event.js";
import { EVENT_TYPES } from "../event/event.js";
import type { EventDraft } from "./event-draft.js";
import { uuidV7 } from "./event-draft.js";
import {
  DEFAULT_FAULT_RATES,
  type Dispatch,
  FAULT_KINDS,
  FaultInjector,
  type FaultRates,
  type MessageKind,
} from "./faults.js";
import { happeningOf } from "./happenings.js";
import { Life, type LifeContext } from "./life.js";
import { REGIONS } from "./places.js";
import { type Prng, prngFor } from "./prng.js";
import { type Relations, relationsOf } from "./relations.js";
import { SendQueue } from "./send-queue.js";
import type { SyntheticCitizen } from "./synthetic-citizens.js";
import { type Burst, Tempo } from "./tempo.js";
import { WeightedChoice, zipfWeights } from "./weighted-choice.js";

/** Options of {@link generateMessages}. `faults` are rates that replace those of {@link DEFAULT_FAULT_RATES}. */
export interface GeneratorOptions {
  readonly seed: number;
  readonly citizens: readonly SyntheticCitizen[];
  /** Where event time begins, ms since the epoch. */
  readonly from: number;
  /** Events a citizen has a day, on average over citizens and hours. Default 30. */
  readonly perCitizenPerDay?: number;
  /** How unequal citizens are: 0 all alike, 1 the n-th has 1/n of the first one's events. Default 0.8. */
  readonly zipfExponent?: number;
  readonly faults?: Partial<FaultRates>;
}

/** A message for the topic, in the order of sending. */
export interface GeneratedMessage {
  readonly kind: MessageKind;
  readonly key: string;
  readonly value: Uint8Array;
  /** When it is sent, ms since the epoch. */
  readonly publishedAt: number;
}

const NO_FAULTS: FaultRates = Object.fromEntries(FAULT_KINDS.map((kind) => [kind, 0])) as FaultRates;

/** How much of a citizen's events are of each type. */
const TYPE_WEIGHTS: Readonly<Record<EventType, number>> = { financial: 4, social: 2, online: 3, relationship: 1 };

/**
 * Simulated events of simulated citizens, without end, as the messages a topic would get: few citizens have many events, hours and
 * weekdays differ, traits and moods make kinds of events go together, and on the way to the topic things go wrong at given rates.
 * The same options give the same bytes.
 *
 * @example
 * ```ts
 * import { generateMessages, syntheticCitizens } from "@millrace/scoring";
 * const citizens = syntheticCitizens({ seed: 7, count: 1_000 });
 * for (const message of generateMessages({ seed: 7, citizens, from: Date.UTC(2025, 0, 6) })) console.log(message.key);
 * ```
 */
export function* generateMessages(options: GeneratorOptions): Generator<GeneratedMessage, never, void> {
  const source = new DraftSource(options);
  const faults = new FaultInjector(prngFor(options.seed, "faults"), { ...DEFAULT_FAULT_RATES, ...options.faults });
  const waiting = new SendQueue<Dispatch>();
  for (;;) {
    const draft = source.next();
    for (let next = waiting.takeUpTo(draft.occurredAt); next !== undefined; next = waiting.takeUpTo(draft.occurredAt)) {
      const { kind, key, text } = next.value;
      yield { kind, key, value: typeof text === "string" ? Buffer.from(text) : text, publishedAt: next.sendAt };
    }
    for (const dispatch of faults.dispatches(draft)) waiting.put(draft.occurredAt + dispatch.delayMs, dispatch);
  }
}

/**
 * The rates of a generator whose messages are all good and come in order, but for some that are named.
 *
 * @example
 * ```ts
 * import { generateMessages, onlyFaults, syntheticCitizens } from "@millrace/scoring";
 * const citizens = syntheticCitizens({ seed: 7, count: 100 });
 * const messages = generateMessages({ seed: 7, citizens, from: Date.UTC(2025, 0, 6), faults: onlyFaults({ duplicate: 0.1 }) });
 * ```
 */
export function onlyFaults(faults: Partial<FaultRates>): FaultRates {
  return { ...NO_FAULTS, ...faults };
}

/** What happens, in the order in which it happens. */
class DraftSource {
  readonly #citizens: readonly SyntheticCitizen[];
  readonly #lives: Life[];
  readonly #relations: Relations;
  readonly #tempo: Tempo;
  readonly #who: WeightedChoice;
  readonly #whoInRegion: ReadonlyMap<string, { readonly places: readonly number[]; readonly choice: WeightedChoice }>;
  readonly #prng: Prng;
  readonly #type: WeightedChoice;
  readonly #locations: (string | undefined)[];
  readonly #citizenIDAt: (index: number) => string;

  constructor({ seed, citizens, from, perCitizenPerDay = 30, zipfExponent = 0.8 }: GeneratorOptions) {
    const weights = zipfWeights(citizens.length, zipfExponent);
    this.#citizens = citizens;
    this.#lives = citizens.map((_, index) => new Life(seed, index));
    this.#relations = relationsOf(citizens, seed);
    this.#who = new WeightedChoice(weights);
    this.#whoInRegion = new Map(REGIONS.map(({ name }) => [name, choiceInRegion(name, citizens, weights)]));
    this.#tempo = new Tempo(seed, from, citizens.length * perCitizenPerDay, regionShares(citizens, weights));
    this.#prng = prngFor(seed, "events");
    this.#type = new WeightedChoice(EVENT_TYPES.map((type) => TYPE_WEIGHTS[type]));
    this.#locations = citizens.map(locationOf);
    this.#citizenIDAt = (index) => (citizens[index] as SyntheticCitizen).profile.citizenID;
  }

  next(): EventDraft {
    const { at, burst } = this.#tempo.next();
    const index = this.#citizenFor(burst);
    const life = this.#lives[index] as Life;
    const eventType = burst === undefined ? (EVENT_TYPES[this.#type.next(this.#prng)] as EventType) : "online";
    const context: LifeContext = {
      citizen: this.#citizens[index] as SyntheticCitizen,
      index,
      prng: life.stream(eventType),
      at,
      employed: life.employed(at),
      afterGambling: life.afterGambling(at),
      afterVolunteering: life.afterVolunteering(at),
      burst,
      relations: this.#relations,
      citizenIDAt: this.#citizenIDAt,
    };
    const happening = happeningOf(eventType, context);
    life.remember(happening, at);
    const location = this.#prng.chance(0.85) ? this.#locations[index] : undefined;
    return {
      ...happening,
      eventID: uuidV7(this.#prng, at),
      citizenID: this.#citizenIDAt(index),
      occurredAt: at,
      location,
    };
  }

  #citizenFor(burst: Burst | undefined): number {
    const regional = burst === undefined ? undefined : this.#whoInRegion.get(burst.region);
    if (regional === undefined) return this.#who.next(this.#prng);
    return regional.places[regional.choice.next(this.#prng)] as number;
  }
}

function choiceInRegion(
  region: string,
  citizens: readonly SyntheticCitizen[],
  weights: readonly number[],
): { readonly places: readonly number[]; readonly choice: WeightedChoice } {
  const places = citizens.flatMap((citizen, index) => (citizen.profile.region === region ? [index] : []));
  return { places, choice: new WeightedChoice(places.map((place) => weights[place] as number)) };
}

function regionShares(citizens: readonly SyntheticCitizen[], weights: readonly number[]): Map<string, number> {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const shares = new Map<string, number>();
  citizens.forEach(({ profile: { region } }, index) => {
    shares.set(region, (shares.get(region) ?? 0) + (weights[index] as number) / total);
  });
  return shares;
}

function locationOf({ profile, city, lat, lon }: SyntheticCitizen): string {
  return JSON.stringify({ region: profile.region, city, lat, lon });
}
