import type { Engine } from "../../engine.js";
import { loadIx } from "../../peers/ix.js";
import { STEPS, sum } from "./input.js";

export async function run(values: readonly number[], engine: Engine): Promise<number> {
  const { from, map, reduce } = await loadIx(engine);
  let stream = from(values);
  for (const step of STEPS) stream = stream.pipe(map(step));
  return reduce(stream, { callback: sum });
}
