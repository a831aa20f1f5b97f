import { from, lastValueFrom, map, type Observable, reduce } from "rxjs";
import { STEPS, sum } from "./input.js";

export function run(values: number[]): Promise<number> {
  let stream: Observable<number> = from(values);
  for (const step of STEPS) stream = stream.pipe(map(step));
  return lastValueFrom(stream.pipe(reduce(sum)));
}
