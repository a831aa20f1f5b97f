import { pipeline } from "node:stream/promises";
import { eachValue, filter, flatMap, fromArray, map } from "../../peers/node-streams.js";
import { type Event, type EventInput, isPurchase, parse, type Result, ResultChecksum } from "../../windows/event.js";
import { TumblingState } from "../../windows/tumbling-state.js";

export async function run(input: EventInput): Promise<number> {
  const checksum = new ResultChecksum();
  const state = new TumblingState();
  const windows = flatMap(
    (event: Event) => state.add(event),
    () => state.end(),
  );
  const end = eachValue(({ key, start, count, sum }: Result) => checksum.add(key, start, count, sum));
  const events = "lines" in input ? [fromArray(input.lines), map(parse)] : [fromArray(input.events)];
  await pipeline([...events, filter(isPurchase), windows, end]);
  return checksum.value;
}
