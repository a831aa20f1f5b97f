import { from, lastValueFrom, mergeMap, reduce } from "rxjs";
import { type AsyncInput, CONCURRENCY } from "./input.js";

export function run({ values, call }: AsyncInput): Promise<number> {
  return lastValueFrom(
    from(values).pipe(
      mergeMap(call, CONCURRENCY),
      reduce((left, right) => left + right, 0),
    ),
  );
}
