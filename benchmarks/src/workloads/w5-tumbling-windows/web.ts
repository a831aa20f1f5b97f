import { eachValue, filter, flatMap, fromArray, map } from "../../peers/web-streams.js";
import { type Event, type EventInput, isPurchase, parse, ResultChecksum } from "../../windows/event.js";
import { TumblingState } from "../../windows/tumbling-state.js";

export async function run(input: EventInput): Promise<number> {
  const checksum = new ResultChecksum();
  const state = new TumblingState();
  const windows = flatMap(
    (event: Event) => state.add(event),
    () => state.end(),
  );
  const events = "lines" in input ? fromArray(input.lines).pipeThrough(map(parse)) : fromArray(input.events);
  await events
    .pipeThrough(filter(isPurchase))
    .pipeThrough(windows)
    .pipeTo(eachValue(({ key, start, count, sum }) => checksum.add(key, start, count, sum)));
  return checksum.value;
}
