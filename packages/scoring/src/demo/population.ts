import { type SyntheticCitizen, syntheticCitizens } from "../generator/synthetic-citizens.js";
import type { Manifest } from "./data-directory.js";

/** Who lives in a data directory: the same citizens in every process that opens it. */
export function populationOf({ seed, citizens }: Pick<Manifest, "seed" | "citizens">): SyntheticCitizen[] {
  return syntheticCitizens({ seed, count: citizens });
}
