import { prngFor } from "../generator/prng.js";

/** Randomness for a test: the same seed, the same numbers. */
export function seeded(seed: number): () => number {
  const prng = prngFor(seed, "test");
  return () => prng.unit();
}
