import { filter, map, Subject } from "rxjs";
import type { Outcome } from "../../workload.js";
import { addOne, double, half, isEven, isPositive, type Latencies } from "./input.js";

export async function run(latencies: Latencies): Promise<Outcome> {
  const source = new Subject<number>();
  source
    .pipe(map(addOne), filter(isPositive), map(double), filter(isEven), map(half))
    .subscribe((value) => latencies.arrived(value));
  await latencies.sendAll((value) => source.next(value));
  source.complete();
  return latencies.outcome();
}
