import { from, pushSource } from "@millrace/core";
import type { Outcome } from "../../workload.js";
import { addOne, double, half, isEven, isPositive, type Latencies } from "./input.js";

export async function run(latencies: Latencies): Promise<Outcome> {
  const source = pushSource<number>({ name: "pushed" });
  const done = from(source)
    .map(addOne)
    .filter(isPositive)
    .map(double)
    .filter(isEven)
    .map(half)
    .forEach((value) => {
      latencies.arrived(value);
    });
  await latencies.sendAll((value) => source.push(value));
  source.end();
  await done;
  return latencies.outcome();
}
