import type { Engine } from "../../engine.js";
import { loadIx } from "../../peers/ix.js";
import { BATCH, mix, pairOf, sumOf } from "./input.js";

export async function run(values: readonly number[], engine: Engine): Promise<number> {
  const { buffer, concatMap, from, map, reduce } = await loadIx(engine);
  return reduce(from(values).pipe(concatMap(pairOf), buffer(BATCH), map(sumOf)), { callback: mix, seed: 0 });
}
