import { filter, flatMap, fromArray, map } from "../../peers/async-generators.js";
import { type EventInput, isPurchase, parse, ResultChecksum } from "../../windows/event.js";
import { TumblingState } from "../../windows/tumbling-state.js";

export async function run(input: EventInput): Promise<number> {
  const checksum = new ResultChecksum();
  const state = new TumblingState();
  const events = "lines" in input ? map(parse, fromArray(input.lines)) : fromArray(input.events);
  const results = flatMap(
    (event) => state.add(event),
    filter(isPurchase, events),
    () => state.end(),
  );
  for await (const { key, start, count, sum } of results) checksum.add(key, start, count, sum);
  return checksum.value;
}
