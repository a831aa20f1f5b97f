import { filter, map, newStream } from "@most/core";
import type { Sink } from "@most/types";
import { eachValue } from "../../peers/most.js";
import type { Outcome } from "../../workload.js";
import { addOne, double, half, isEven, isPositive, type Latencies } from "./input.js";

export async function run(latencies: Latencies): Promise<Outcome> {
  let source: Sink<number> | undefined;
  const pushed = newStream<number>((sink) => {
    source = sink;
    return { dispose: () => {} };
  });
  const done = eachValue(map(half, filter(isEven, map(double, filter(isPositive, map(addOne, pushed))))), (value) =>
    latencies.arrived(value),
  );
  await latencies.sendAll((value) => source?.event(value, value));
  source?.end(latencies.count);
  await done;
  return latencies.outcome();
}
