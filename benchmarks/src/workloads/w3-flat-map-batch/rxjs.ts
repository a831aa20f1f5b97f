import { bufferCount, from, lastValueFrom, map, mergeMap, reduce } from "rxjs";
import { BATCH, mix, pairOf, sumOf } from "./input.js";

export function run(values: number[]): Promise<number> {
  return lastValueFrom(from(values).pipe(mergeMap(pairOf), bufferCount(BATCH), map(sumOf), reduce(mix, 0)));
}
