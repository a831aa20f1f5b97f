import { filter, from, lastValueFrom, map, reduce } from "rxjs";
import { addOne, double, isNotThird, sum } from "./input.js";

export function run(values: number[]): Promise<number> {
  return lastValueFrom(from(values).pipe(map(addOne), filter(isNotThird), map(double), reduce(sum)));
}
