import { filter, map } from "streaming-iterables";
import { PushIterable } from "../../peers/push-iterable.js";
import type { Outcome } from "../../workload.js";
import { addOne, double, half, isEven, isPositive, type Latencies } from "./input.js";

export async function run(latencies: Latencies): Promise<Outcome> {
  const source = new PushIterable<number>();
  const stream = map(half, filter(isEven, map(double, filter(isPositive, map(addOne, source)))));
  const done = (async () => {
    for await (const value of stream) latencies.arrived(value);
  })();
  await latencies.sendAll((value) => source.push(value));
  source.end();
  await done;
  return latencies.outcome();
}
