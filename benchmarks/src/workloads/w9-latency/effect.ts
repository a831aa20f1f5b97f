import { type Cause, Effect, Queue, Stream } from "effect";
import type { Outcome } from "../../workload.js";
import { addOne, double, half, isEven, isPositive, type Latencies } from "./input.js";

export async function run(latencies: Latencies): Promise<Outcome> {
  const queue = Effect.runSync(Queue.unbounded<number, Cause.Done>());
  const done = Stream.fromQueue(queue).pipe(
    Stream.map(addOne),
    Stream.filter(isPositive),
    Stream.map(double),
    Stream.filter(isEven),
    Stream.map(half),
    Stream.runForEach((value) => Effect.sync(() => latencies.arrived(value))),
    Effect.runPromise,
  );
  await latencies.sendAll((value) => Queue.offerUnsafe(queue, value));
  Effect.runSync(Queue.end(queue));
  await done;
  return latencies.outcome();
}
