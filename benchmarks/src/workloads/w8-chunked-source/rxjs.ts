import { concatMap, filter, from, lastValueFrom, map, reduce } from "rxjs";
import { addOne, double, isNotThird, sum } from "./input.js";

export function run(chunks: number[][]): Promise<number> {
  const values = from(chunks).pipe(concatMap((chunk) => chunk));
  return lastValueFrom(values.pipe(map(addOne), filter(isNotThird), map(double), reduce(sum)));
}
