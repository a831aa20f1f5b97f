import type { Engine } from "../../engine.js";
import { loadIx } from "../../peers/ix.js";
import { BRANCHES, combine, sum } from "./input.js";

export async function run(inputs: readonly (readonly number[])[], engine: Engine): Promise<number> {
  const { from, map, merge, publish, reduce } = await loadIx(engine);
  const [first, ...others] = inputs.map((values) => from(values)) as [ReturnType<typeof from<number>>];
  const shared = merge(first, ...others).pipe(publish());
  return combine(
    await Promise.all(BRANCHES.map((branch) => reduce(shared.pipe(map(branch)), { callback: sum, seed: 0 }))),
  );
}
