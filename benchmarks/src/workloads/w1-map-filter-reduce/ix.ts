import type { Engine } from "../../engine.js";
import { loadIx } from "../../peers/ix.js";
import { addOne, double, isNotThird, sum } from "./input.js";

export async function run(values: readonly number[], engine: Engine): Promise<number> {
  const { filter, from, map, reduce } = await loadIx(engine);
  return reduce(from(values).pipe(map(addOne), filter(isNotThird), map(double)), { callback: sum });
}
