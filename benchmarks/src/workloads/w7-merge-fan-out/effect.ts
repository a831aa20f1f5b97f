import { Effect, Stream } from "effect";
import { fromChunked } from "../../peers/effect.js";
import { BRANCHES, combine, INPUTS, sum } from "./input.js";

const BUFFERED_CHUNKS = 16;

export async function run(inputs: readonly (readonly number[])[]): Promise<number> {
  const merged = Stream.mergeAll(
    inputs.map((values) => fromChunked(values)),
    { concurrency: INPUTS },
  );
  const sums = Effect.gen(function* () {
    const branches = yield* Stream.broadcastN(merged, { n: BRANCHES.length, capacity: BUFFERED_CHUNKS });
    return yield* Effect.all(
      branches.map((branch, i) =>
        Stream.runFold(Stream.map(branch, BRANCHES[i] as (typeof BRANCHES)[0]), () => 0, sum),
      ),
      { concurrency: "unbounded" },
    );
  });
  return combine(await Effect.runPromise(Effect.scoped(sums)));
}
