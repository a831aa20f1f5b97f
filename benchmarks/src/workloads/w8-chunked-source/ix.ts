import type { Engine } from "../../engine.js";
import { loadIx } from "../../peers/ix.js";
import { addOne, double, isNotThird, sum } from "./input.js";

export async function run(chunks: readonly (readonly number[])[], engine: Engine): Promise<number> {
  const { concatMap, filter, from, map, reduce } = await loadIx(engine);
  const values = from(chunks).pipe(concatMap((chunk) => chunk));
  return reduce(values.pipe(map(addOne), filter(isNotThird), map(double)), { callback: sum });
}
