import type { Outcome } from "../../workload.js";
import { addOne, double, half, isEven, isPositive, type Latencies } from "./input.js";

export async function run(latencies: Latencies): Promise<Outcome> {
  await latencies.sendAll((value) => {
    const next = addOne(value);
    if (!isPositive(next)) return;
    const doubled = double(next);
    if (isEven(doubled)) latencies.arrived(half(doubled));
  });
  return latencies.outcome();
}
