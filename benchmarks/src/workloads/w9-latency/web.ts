import { ReadableStream, type ReadableStreamDefaultController } from "node:stream/web";
import { eachValue, filter, map } from "../../peers/web-streams.js";
import type { Outcome } from "../../workload.js";
import { addOne, double, half, isEven, isPositive, type Latencies } from "./input.js";

export async function run(latencies: Latencies): Promise<Outcome> {
  let controller: ReadableStreamDefaultController<number> | undefined;
  const source = new ReadableStream<number>({
    start(given) {
      controller = given;
    },
  });
  const done = source
    .pipeThrough(map(addOne))
    .pipeThrough(filter(isPositive))
    .pipeThrough(map(double))
    .pipeThrough(filter(isEven))
    .pipeThrough(map(half))
    .pipeTo(eachValue((value) => latencies.arrived(value)));
  await latencies.sendAll((value) => controller?.enqueue(value));
  controller?.close();
  await done;
  return latencies.outcome();
}
