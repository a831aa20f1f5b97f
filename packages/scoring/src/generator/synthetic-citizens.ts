import type { CitizenProfile } from "../ports/citizen-profile.js";
import { FAMILY_NAMES, GIVEN_NAMES, REGIONS, type Region } from "./places.js";
import { type Prng, prngFor } from "./prng.js";
import { WeightedChoice } from "./weighted-choice.js";

/** What a simulated citizen is inclined to do, each from 0 to 1. Hidden: only the generator knows. */
export interface Traits {
  readonly reliability: number;
  readonly sociability: number;
  readonly risk: number;
}

/** An invented person. */
export interface SyntheticCitizen {
  readonly profile: CitizenProfile;
  /** Invented too, and says so: `SIM-…`. */
  readonly nationalID: string;
  readonly name: string;
  readonly city: string;
  readonly lat: number;
  readonly lon: number;
  readonly traits: Traits;
}

/** Options of {@link syntheticCitizens}: how many, and the seed of all chance. */
export interface PopulationOptions {
  readonly seed: number;
  readonly count: number;
}

/**
 * Invents citizens: regions of log-normal sizes, traits that go together, consent that most but not all give. The same options give the
 * same citizens.
 *
 * @example
 * ```ts
 * import { syntheticCitizens } from "@millrace/scoring";
 * const [first] = syntheticCitizens({ seed: 7, count: 1_000 });
 * console.log(first?.name, first?.profile.region);
 * ```
 */
export function syntheticCitizens({ seed, count }: PopulationOptions): SyntheticCitizen[] {
  const prng = prngFor(seed, "population");
  const regionOf = new WeightedChoice(REGIONS.map(() => prng.logNormal(1, 0.6)));
  return Array.from({ length: count }, (_, index) =>
    inventCitizen(prng, index, REGIONS[regionOf.next(prng)] as Region),
  );
}

/** The pseudonym of the n-th citizen: in no order that says anything about the person. */
function citizenIDOf(prng: Prng, index: number): string {
  return `c-${prng.uint32().toString(36).padStart(7, "0")}-${index.toString(36)}`;
}

function inventCitizen(prng: Prng, index: number, region: Region): SyntheticCitizen {
  const traits = inventTraits(prng);
  const birthYear = 2_007 - Math.floor(75 * prng.unit() ** 1.3);
  const flags: string[] = [];
  if (birthYear > 1_999 && prng.chance(0.5)) flags.push("student");
  if (prng.chance(0.08 * (1.6 - traits.reliability))) flags.push("hardship");
  return {
    profile: {
      citizenID: citizenIDOf(prng, index),
      birthYear,
      region: region.name,
      consent: {
        scoring: prng.chance(0.97),
        profiling: prng.chance(0.9),
        graph: prng.chance(0.85),
        marketing: prng.chance(0.4),
      },
      flags,
    },
    nationalID: `SIM-${String(index).padStart(7, "0")}-${prng.uint32().toString(36).toUpperCase().padStart(7, "0")}`,
    name: `${prng.pick(GIVEN_NAMES)} ${prng.pick(FAMILY_NAMES)}`,
    city: prng.pick(region.cities),
    lat: degrees(region.lat + prng.normal() * 0.08),
    lon: degrees(region.lon + prng.normal() * 0.12),
    traits,
  };
}

/** Reliable people take fewer risks, on the whole. */
function inventTraits(prng: Prng): Traits {
  const common = prng.normal();
  const trait = (pull: number): number => 1 / (1 + Math.exp(-(pull * common + 0.9 * prng.normal())));
  return { reliability: trait(0.8), sociability: trait(0.3), risk: trait(-0.8) };
}

function degrees(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}
