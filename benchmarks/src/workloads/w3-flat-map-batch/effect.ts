import { Effect, Stream } from "effect";
import { fromChunked } from "../../peers/effect.js";
import { BATCH, mix, pairOf, sumOf } from "./input.js";

export function run(values: readonly number[]): Promise<number> {
  return fromChunked(values).pipe(
    Stream.map(pairOf),
    Stream.flattenIterable,
    Stream.grouped(BATCH),
    Stream.map(sumOf),
    Stream.runFold(() => 0, mix),
    Effect.runPromise,
  );
}
