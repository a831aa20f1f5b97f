import { Effect, Stream } from "effect";
import { fromChunked, windowed } from "../../peers/effect.js";
import { type EventInput, isPurchase, parse, ResultChecksum } from "../../windows/event.js";
import { TumblingState } from "../../windows/tumbling-state.js";

export async function run(input: EventInput): Promise<number> {
  const checksum = new ResultChecksum();
  const events = "lines" in input ? Stream.map(fromChunked(input.lines), parse) : fromChunked(input.events);
  await Effect.runPromise(
    Stream.runForEach(windowed(new TumblingState(), Stream.filter(events, isPurchase)), ({ key, start, count, sum }) =>
      Effect.sync(() => checksum.add(key, start, count, sum)),
    ),
  );
  return checksum.value;
}
