import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { eachValue, filter, map } from "../../peers/node-streams.js";
import type { Outcome } from "../../workload.js";
import { addOne, double, half, isEven, isPositive, type Latencies } from "./input.js";

export async function run(latencies: Latencies): Promise<Outcome> {
  const source = new Readable({ objectMode: true, read() {} });
  const end = eachValue<number>((value) => latencies.arrived(value));
  const done = pipeline(source, map(addOne), filter(isPositive), map(double), filter(isEven), map(half), end);
  await latencies.sendAll((value) => source.push(value));
  source.push(null);
  await done;
  return latencies.outcome();
}
