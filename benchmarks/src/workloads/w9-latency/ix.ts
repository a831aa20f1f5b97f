import type { Engine } from "../../engine.js";
import { loadIx } from "../../peers/ix.js";
import { PushIterable } from "../../peers/push-iterable.js";
import type { Outcome } from "../../workload.js";
import { addOne, double, half, isEven, isPositive, type Latencies } from "./input.js";

export async function run(latencies: Latencies, engine: Engine): Promise<Outcome> {
  const { filter, from, map } = await loadIx(engine);
  const source = new PushIterable<number>();
  const stream = from(source).pipe(map(addOne), filter(isPositive), map(double), filter(isEven), map(half));
  const done = stream.forEach((value: number) => {
    latencies.arrived(value);
  });
  await latencies.sendAll((value) => source.push(value));
  source.end();
  await done;
  return latencies.outcome();
}
