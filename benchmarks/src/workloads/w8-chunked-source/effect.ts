import { Effect, Stream } from "effect";
import { addOne, double, isNotThird, sum } from "./input.js";

export function run(chunks: readonly (readonly number[])[]): Promise<number> {
  return Stream.fromArrays(...chunks).pipe(
    Stream.map(addOne),
    Stream.filter(isNotThird),
    Stream.map(double),
    Stream.runFold(() => 0, sum),
    Effect.runPromise,
  );
}
