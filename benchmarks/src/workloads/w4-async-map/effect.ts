import { Effect, Stream } from "effect";
import { fromChunked } from "../../peers/effect.js";
import { type AsyncInput, CONCURRENCY } from "./input.js";

export function run({ values, call }: AsyncInput): Promise<number> {
  return fromChunked(values).pipe(
    Stream.mapEffect((value) => Effect.promise(() => call(value)), { concurrency: CONCURRENCY }),
    Stream.runFold(
      () => 0,
      (left, right) => left + right,
    ),
    Effect.runPromise,
  );
}
