import { connect, forkJoin, from, lastValueFrom, map, merge, reduce } from "rxjs";
import { BRANCHES, combine, sum } from "./input.js";

export async function run(inputs: number[][]): Promise<number> {
  const merged = merge(...inputs.map((values) => from(values)));
  const sums = merged.pipe(
    connect((shared) => forkJoin(BRANCHES.map((branch) => shared.pipe(map(branch), reduce(sum))))),
  );
  return combine(await lastValueFrom(sums));
}
