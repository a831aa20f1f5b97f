import type { Engine } from "../../engine.js";
import { loadIx } from "../../peers/ix.js";
import { type AsyncInput, CONCURRENCY } from "./input.js";

export async function run({ values, call }: AsyncInput, engine: Engine): Promise<number> {
  const { from, map, mergeAll, reduce } = await loadIx(engine);
  const results = from(values).pipe(
    map((value) => from(call(value))),
    mergeAll(CONCURRENCY),
  );
  return reduce(results, { callback: (left: number, right: number) => left + right, seed: 0 });
}
