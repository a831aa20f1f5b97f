import { filter, flatten, map } from "streaming-iterables";
import { type EventInput, isPurchase, parse, type Result, ResultChecksum } from "../../windows/event.js";
import { TumblingState } from "../../windows/tumbling-state.js";
import { withEnd } from "../../windows/window-state.js";

export async function run(input: EventInput): Promise<number> {
  const checksum = new ResultChecksum();
  const state = new TumblingState();
  const events = "lines" in input ? map(parse, input.lines) : input.events;
  const results = flatten(
    map((event) => (event === undefined ? state.end() : state.add(event)), withEnd(filter(isPurchase, events))),
  );
  for await (const { key, start, count, sum } of results as AsyncIterable<Result>) checksum.add(key, start, count, sum);
  return checksum.value;
}
