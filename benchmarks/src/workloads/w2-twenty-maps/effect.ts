import { Effect, Stream } from "effect";
import { fromChunked } from "../../peers/effect.js";
import { STEPS, sum } from "./input.js";

export function run(values: readonly number[]): Promise<number> {
  let stream = fromChunked(values);
  for (const step of STEPS) stream = Stream.map(stream, step);
  return Effect.runPromise(Stream.runFold(stream, () => 0, sum));
}
