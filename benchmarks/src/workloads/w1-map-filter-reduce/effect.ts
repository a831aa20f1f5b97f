import { Effect, Stream } from "effect";
import { fromChunked } from "../../peers/effect.js";
import { addOne, double, isNotThird, sum } from "./input.js";

export function run(values: readonly number[]): Promise<number> {
  return fromChunked(values).pipe(
    Stream.map(addOne),
    Stream.filter(isNotThird),
    Stream.map(double),
    Stream.runFold(() => 0, sum),
    Effect.runPromise,
  );
}
